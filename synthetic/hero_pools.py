"""The fields of a hero snapshot's records, as pools: what an export of a game holds.

A pool's piece is one field or a few that belong together, keys and commas included. Records put one
piece of each pool in a row after their id, so a record has as many independent draws as pools.
"""

from dataclasses import dataclass

from synthetic import names
from synthetic.draws import Dice
from synthetic.names import phrases
from synthetic.pools import POOL_SIZE, decimals, digits, hundredths, json_strings, moment, pool
from synthetic.rows import Pieces

Pools = tuple[Pieces, ...]

_KINDS = phrases("infantry|archer|cavalry|siege|healer|scout|pikeman|berserker|sapper")
_TAGS = phrases("ranged|flying|armored|cursed|holy|undead|beast|mounted|élite|stealth")
_REGIONS = phrases("north|south|isles|Ødemark|Châlons|Вольный|Ἀκτή|東海|desert|marsh")
_SPECIES = phrases("wolf|dragon|griffin|phoenix|fox|raven|bear|basilisk|麒麟|Жар-птица")
_TRAITS = phrases("loyal|greedy|swift|nocturnal|shy|venomous|playful|fireproof|hungry|ancient")
_MOODS = phrases("calm|hungry|restless|sleepy|😀|😾")
_CLASSES = phrases("paladin|ranger|mage|rogue|warlord|druid|necromancer|bard")
_FACTIONS = phrases("Dawn|Ash|Tide|Élan|Ρόδον|Полынь|黒龍")
_SLOTS = phrases("head|chest|legs|feet|hands|ring|amulet|main_hand|off_hand|trinket")
_MAKES = phrases("Rusted|Forged|Gilded|Völundr's|Ancient|Ætherial|Cracked|Дамасский|玄鉄")
_ITEMS = phrases("Helm|Greaves|Blade|Aegis|Gauntlets|Ring|Talisman|Longbow|Épée|Kabuto")
_RARITIES = phrases("common|common|common|common|uncommon|uncommon|rare|epic|legendary")
_LOCALES = phrases("en-GB|fr-FR|el-GR|ru-RU|ja-JP|ko-KR")
_GEMS = phrases("ruby|sapphire|topaz|onyx|opal")
_ENCHANTS = phrases("flame|frost|leech|haste|thorns")
_SKILLS = phrases("Cleave|Fireball|Meditate|Ombre|Éclair|Taunt|Φλόγα|Вихрь|居合|Rally|Ambush|Snare")


@dataclass(frozen=True, kw_only=True)
class HeroSnapshotPools:
    """The pools of every table, in the order of their fields."""

    troop: Pools
    pet: Pools
    hero: Pools
    gear: Pools
    skill: Pools
    sentence: Pieces


def hero_snapshot_pools(seed: int, *, owners: list[int]) -> HeroSnapshotPools:
    """Return the pools of one document; ``owners`` are ids of heroes that pets may belong to."""
    dice = Dice(seed, "pools")
    named = pool(dice, lambda dice: f',"name":"{names.name(dice)}"', size=4 * POOL_SIZE)
    return HeroSnapshotPools(
        troop=(named, *_troop(dice)),
        pet=(named, *_pet(dice, owners)),
        hero=(named, *_hero(dice)),
        gear=_gear(dice),
        skill=_skill(dice),
        sentence=pool(dice, names.sentence),
    )


def opening(seed: int, *, player_id: int) -> str:
    """Return the document's opening, from its brace to the open array of troops."""
    dice = Dice(seed, "player")
    guild = "null" if dice.one_in(5) else f'"{dice.pick(_FACTIONS)} {dice.pick(_REGIONS)}"'
    return (
        f'{{"schema":1,"snapshot_id":"snap-{dice.below(1 << 48):012x}"'
        f',"exported_at":"{moment(dice)}"'
        f',"player":{{"id":{player_id},"name":"{names.name(dice)}","guild":{guild}'
        f',"level":{dice.between(1, 120)},"created_at":"{moment(dice)}"'
        f',"wallet":{{"gold":{dice.skewed(10**12)},"gems":{dice.skewed(10**5)}}}'
        f',"win_rate":0.{dice.below(10_000):04d},"vip":{_boolean(dice)}'
        f',"settings":{{"locale":"{dice.pick(_LOCALES)}","muted_until":null}}}}'
        ',"troops":['
    )


def _troop(dice: Dice) -> Pools:
    return (
        pool(dice, lambda dice: f',"kind":"{dice.pick(_KINDS)}","level":{1 + dice.skewed(100)}'),
        *_power(dice, digits_ahead=5),
        pool(dice, lambda dice: f',"count":{1 + dice.skewed(50_000)}'),
        pool(dice, lambda dice: f',"stats":{_stats(dice, "hp attack defense")}'),
        pool(dice, lambda dice: f',"tags":{json_strings(dice.some(_TAGS, limit=8))}'),
        pool(dice, lambda dice: f',"garrison":{_place(dice)}'),
        pool(dice, _training),
        pool(dice, lambda dice: f',"trained_at":"{moment(dice)}"}},'),
    )


def _pet(dice: Dice, owners: list[int]) -> Pools:
    return (
        pool(
            dice, lambda dice: f',"species":"{dice.pick(_SPECIES)}","level":{1 + dice.skewed(60)}'
        ),
        pool(dice, lambda dice: f',"bond":0.{dice.below(10_000):04d}'),
        pool(dice, lambda dice: f',"owner_hero":{_owner(dice, owners)}'),
        pool(dice, lambda dice: f',"traits":{json_strings(dice.some(_TRAITS, limit=7))}'),
        pool(dice, lambda dice: f',"stats":{_stats(dice, "hp attack speed")}'),
        pool(dice, _look),
        pool(dice, _care),
        pool(dice, lambda dice: f',"hatched_at":"{moment(dice)}"}},'),
    )


def _hero(dice: Dice) -> Pools:
    return (
        pool(dice, lambda dice: f',"class":"{dice.pick(_CLASSES)}","level":{1 + dice.skewed(100)}'),
        pool(dice, lambda dice: f',"xp":{1 + dice.skewed(10**6)}'),
        digits(3),
        *_power(dice, digits_ahead=6),
        pool(dice, _standing),
        pool(dice, lambda dice: f',"stats":{_stats(dice, "strength agility wisdom luck")}'),
        pool(dice, lambda dice: f',"position":{_place(dice)}'),
        pool(dice, _last_battle),
        pool(dice, lambda dice: f',"recruited_at":"{moment(dice)}","gear":['),
    )


def _gear(dice: Dice) -> Pools:
    return (
        pool(dice, _item),
        pool(
            dice, lambda dice: f',"rarity":"{dice.pick(_RARITIES)}","level":{1 + dice.skewed(80)}'
        ),
        pool(dice, lambda dice: f',"durability":{hundredths(dice.below(10_001))}'),
        pool(dice, lambda dice: f',"stats":{_stats(dice, "attack armor weight")}'),
        pool(dice, _sockets),
        pool(dice, lambda dice: f',"obtained_at":"{moment(dice)}","bound":{_boolean(dice)}}}'),
    )


def _skill(dice: Dice) -> Pools:
    return (
        pool(
            dice,
            lambda dice: (
                f',"name":"{dice.pick(_SKILLS)}","rank":{1 + dice.skewed(10)}'
                f',"cooldown_s":{hundredths(25 * dice.below(240))}}}'
            ),
        ),
    )


def _power(dice: Dice, *, digits_ahead: int) -> Pools:
    """Return the pools of a float in two pieces, whose values multiply: half a million of them."""
    return (
        pool(dice, lambda dice: f',"power":{1 + dice.skewed(10**digits_ahead)}'),
        decimals(3),
    )


def _stats(dice: Dice, keys: str) -> str:
    return "{" + ",".join(f'"{key}":{dice.skewed(20_000)}' for key in keys.split()) + "}"


def _boolean(dice: Dice) -> str:
    return "true" if dice.one_in(3) else "false"


def _place(dice: Dice) -> str:
    x, y = dice.between(-4096, 4096), dice.between(-4096, 4096)
    return f'{{"region":"{dice.pick(_REGIONS)}","x":{x},"y":{y}}}'


def _training(dice: Dice) -> str:
    commander = "null" if dice.one_in(2) else f'"{names.name(dice)}"'
    upkeep = f',"upkeep":{hundredths(dice.below(10_000))}' if dice.one_in(2) else ""
    morale = f',"morale":0.{dice.below(100):02d},"veteran":{_boolean(dice)}'
    return f'{morale},"commander":{commander}{upkeep}'


def _owner(dice: Dice, owners: list[int]) -> str:
    return "null" if dice.one_in(3) else str(owners[dice.skewed(len(owners))])


def _look(dice: Dice) -> str:
    pattern = dice.pick(("null", '"striped"', '"spotted"', '"plain"'))
    scale = hundredths(dice.between(25, 400))
    return f',"look":{{"color":"#{dice.below(1 << 24):06x}","pattern":{pattern},"scale":{scale}}}'


def _care(dice: Dice) -> str:
    nickname = f',"nickname":"{names.name(dice)}"' if dice.one_in(4) else ""
    fed_ms = 1_600_000_000_000 + dice.below(150_000_000_000)
    return f',"mood":"{dice.pick(_MOODS)}","fed_at_ms":{fed_ms},"shiny":{_boolean(dice)}{nickname}'


def _standing(dice: Dice) -> str:
    title = f',"title":"{dice.pick(_MAKES)}"' if dice.one_in(3) else ""
    return f',"faction":"{dice.pick(_FACTIONS)}","alive":{_boolean(dice)}{title}'


def _last_battle(dice: Dice) -> str:
    if dice.one_in(4):
        return ',"last_battle":null'
    outcome = dice.pick(("won", "lost", "fled"))
    damage = f'{{"dealt":{dice.skewed(10**8)},"taken":{dice.skewed(10**7)}}}'
    return f',"last_battle":{{"at":"{moment(dice)}","outcome":"{outcome}","damage":{damage}}}'


def _item(dice: Dice) -> str:
    return f',"slot":"{dice.pick(_SLOTS)}","item":"{dice.pick(_MAKES)} {dice.pick(_ITEMS)}"'


def _sockets(dice: Dice) -> str:
    gems = (
        "null" if dice.one_in(3) else f'{{"gem":"{dice.pick(_GEMS)}","grade":{dice.between(1, 9)}}}'
        for _ in range(dice.skewed(5))
    )
    enchant = f',"enchant":"{dice.pick(_ENCHANTS)}"' if dice.one_in(5) else ""
    return f',"sockets":[{",".join(gems)}]{enchant}'
