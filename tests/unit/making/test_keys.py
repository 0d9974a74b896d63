import json
from collections import Counter

from synthetic.making.filling_holes import Filler
from synthetic.making.key_pool import KeyPool
from synthetic.making.keys import KeyKit, Keys
from synthetic.making.shuffling import Shuffler
from synthetic.making.texts import TextClass
from synthetic.shape import Bin, Strings, Texts


def keys(
    count: int,
    *,
    pool: KeyPool | None = None,
    length: int = 8,
    distinct: int | None = None,
    commonest: tuple[int, ...] = (),
    fresh: int | None = None,
    level: int = 0,
) -> Keys:
    texts = Texts(
        width="ascii",
        characters=(Bin(low=length, high=length, count=count, total=count * length),),
        bytes=count * length,
    )
    return Keys(
        Strings(texts=(texts,), distinct=distinct, commonest=commonest, fresh=fresh),
        [TextClass(texts, widest="ascii")],
        level=level,
        kit=KeyKit(pool=pool or KeyPool(Filler(7, "pool")), shuffler=Shuffler(7, "keys")),
        keys_per_key=1,
    )


def filled(made: list[bytes]) -> list[str]:
    text = Filler(7).fill_text(b"[" + b",".join(made) + b"]", has_keys=True)
    return list(json.loads(text))


def test_no_map_has_a_key_twice_and_as_many_differ_as_asked() -> None:
    lengths = [30, 5, 61, 0, 12] * 200
    maker = keys(sum(lengths), distinct=100, commonest=(900, 1700, 3000))
    made = iter(filled(maker.take(lengths, 1)))
    maps = [[next(made) for _ in range(length)] for length in lengths]
    assert all(len(set(own)) == len(own) for own in maps)
    assert len({key for own in maps for key in own}) == 100


def test_some_keys_are_half_of_all() -> None:
    lengths = [8] * 1000
    made = filled(keys(8000, distinct=507, commonest=(900, 1600, 1500)).take(lengths, 1))
    uses = Counter(made)
    assert sum(count for _, count in uses.most_common(7)) == 4000
    assert len(uses) == 507


def test_maps_with_more_keys_than_recur_have_new_ones_besides() -> None:
    made = filled(keys(1000, distinct=10).take([500], 1))
    assert len(set(made)) == 500


def test_places_share_what_is_not_fresh() -> None:
    pool = KeyPool(Filler(7, "pool"))
    makers = [
        keys(1000, pool=pool, distinct=20),
        keys(1000, pool=pool, distinct=50, fresh=30, level=1),
        keys(1000, pool=pool, distinct=40, fresh=35),
        keys(1000, pool=pool, distinct=10),
    ]
    one, two, three, four = (set(filled(each.take([1] * 1000, 1))) for each in makers)
    assert one < two
    assert [len(each) for each in (one, two, three, four)] == [20, 50, 40, 10]
    assert len(one | two | three | four) == 20 + 30 + 35 + 10


def test_maps_share_what_each_has_once() -> None:
    pool = KeyPool(Filler(7, "pool"))
    makers = [
        keys(3000, pool=pool),
        keys(3000, pool=pool, fresh=0, level=1),
        keys(2000, pool=pool, fresh=500),
    ]
    one, two, three = (set(filled(each.take([each.total], 1))) for each in makers)
    assert one == two
    assert len(three) == 2000
    assert len(one | three) == 3500


def test_places_with_just_as_many_keys_have_those_of_each_other() -> None:
    pool = KeyPool(Filler(7, "pool"))
    makers = [
        keys(1000, pool=pool, distinct=20),
        keys(3000, pool=pool, distinct=50, fresh=50),
        keys(9000, pool=pool, distinct=50, fresh=0),
    ]
    one, two, three = (set(filled(each.take([5] * (each.total // 5), 1))) for each in makers)
    assert two == three
    assert not one & two


def test_short_keys_differ_though_hardly_more_of_them_are_possible() -> None:
    pool = KeyPool(Filler(7, "pool"))
    makers = [keys(60, pool=pool, length=1), keys(62, pool=pool, length=1, fresh=50)]
    for maker in makers:
        maker.make_room(62)
        assert len(set(filled(maker.take([maker.total], 1)))) == maker.total


def test_more_of_a_map_than_planned_has_no_key_twice() -> None:
    pool = KeyPool(Filler(7, "pool"))
    makers = [keys(1000, pool=pool), keys(1000, pool=pool, fresh=100)]
    for maker in makers:
        assert len(set(filled(maker.take([5000], 1)))) == 5000


def test_short_keys_get_longer_where_there_are_too_many() -> None:
    maker = keys(10_000, length=2)
    maker.make_room(10_000)
    made = filled(maker.take([10_000], 1))
    assert len(set(made)) == 10_000
    assert {len(key) for key in made} == {3}


def test_the_parts_of_a_map_have_no_key_twice_either() -> None:
    maker = keys(9000, distinct=300, commonest=(10, 20))
    for _ in range(3):
        maker.begin(700)
        made = [key for count in (1, 1, 200, 1, 497) for key in maker.take_part(count, 1)]
        assert len(set(filled(made))) == 700


def test_parts_that_are_used_again_have_new_keys_alone() -> None:
    maker = keys(9000, distinct=300)
    maker.begin(700)
    part = b",".join(maker.take_part(350, 2))
    text = Filler(7).fill_text(b"[" + part + b"," + part + b"]", has_keys=True)
    assert len(set(json.loads(text))) == 700
