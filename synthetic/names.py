"""Names and sentences in several scripts, so that strings of every width reach the workers.

CPython keeps a string in 1, 2 or 4 bytes per character, as its widest character needs
(https://peps.python.org/pep-0393/): Latin-1; then Greek, Cyrillic and CJK; then emoji.
"""
# ruff: noqa: RUF001 - Greek and Cyrillic letters are the point here, however Latin they look.

from synthetic.draws import Dice


def phrases(text: str) -> list[str]:
    """Return the phrases of a text that ``|`` parts; the line breaks beside a bar do not count."""
    return [phrase.strip() for phrase in text.split("|")]


_LATIN = (
    phrases("""Aldric|Amélie|Björn|Célestine|Dante|Eirlys|Faïza|Gráinne|Håkon|Ílmari|Jörg|Kára|
        Lucía|Mélusine|Niño|Óscar|Perceval|Quiñones|Renée|Søren|Théodore|Ulla|Völund|Wynn|Ximena|
        Yrsa|Zoë|Brünhild"""),
    phrases("""Ashford|Béranger|Château|Dragonsbane|Espérance|Frostmähne|Grünwald|Håvard|Ironwood|
        Jökull|Königsberg|Lámpara|Mørk|Nightingale|Østergård|Peñalosa|Quickblade|Ríos|Stormgård|
        Übermut|Vega"""),
)
_GREEK = (
    phrases("Αχιλλέας|Βασιλική|Γαλάτεια|Διομήδης|Ελένη|Ζηνοβία|Ηρακλής|Θησέας|Ιάσονας|Καλλιόπη"),
    phrases("Ατρόμητος|Γενναίος|Θαλασσινός|Κεραυνός|Μακεδών|Νικητής|Ολύμπιος|Σπαρτιάτης|Φωτεινή"),
)
_CYRILLIC = (
    phrases("Алёша|Борислав|Василиса|Горыня|Добрыня|Ждан|Злата|Илья|Ксения|Любава|Микула|Ярослав"),
    phrases("Бесстрашный|Волкодав|Грозный|Змееборец|Каменный|Лесной|Мудрый|Огнев|Северный|Тихий"),
)
_CJK = (
    phrases("龍之介|白雪|关羽|貂蝉|赵云|小町|信玄|織姫|이순신|바리|花木兰|𠮷野|ハヤテ|サクラ"),
    phrases("無双|剣聖|破軍|青龍|守護者|천둥|호랑이|月影|鳳凰|雷神|流星|寒冰"),
)
_EMOJI = phrases("🐉|🔥|⚔️|👑|🦄|🌙|💀|🧙‍♀️|🏹|🐺")

# A script is as common as it stands here often.
_SCRIPTS = (_LATIN, _LATIN, _LATIN, _LATIN, _GREEK, _CYRILLIC, _CYRILLIC, _CJK)

_ENGLISH_LORE = (
    phrases("""A wandering smith|The last of the river wardens|An exiled prince|Her younger brother|
        The blind cartographer|The order of the ash|A merchant from São Miguel|
        No one in Château-Noir"""),
    phrases("""swore an oath beside|buried a crown beneath|sold three winters to|lost a wager over|
        lit the first beacon at|never returned from|drew the forbidden map of|kept watch upon"""),
    phrases("""the drowned citadel|a nameless glacier|the orchard of glass|Ægir's hall|
        an unlit lighthouse|the ninth gate|the salt road|the king's armoury|a dry well"""),
    phrases("""before the siege was lifted|and told no one|in the year of two comets|twice|
        while the horns were sounding|and paid for it dearly|until the snow came|for one coin"""),
)
_GREEK_LORE = (
    phrases("Ο τελευταίος φρουρός|Μια ξεχασμένη θεά|Ο γιος του ψαρά"),
    phrases("φύλαξε|έκαψε|βρήκε|έχασε"),
    phrases("το χρυσό κλειδί|την πύλη του βορρά|το παλιό κάστρο"),
    phrases("πριν χαράξει|για πάντα|μέσα στην καταιγίδα"),
)
_RUSSIAN_LORE = (
    phrases("Старый кузнец|Последний страж|Седой волхв|Никто из дружины"),
    phrases("сковал|спрятал|забыл|проклял"),
    phrases("серебряный щит|северные ворота|меч предков|тайную тропу"),
    phrases("до первого снега|на исходе ночи|ради брата"),
)
_JAPANESE_LORE = (
    phrases("霧の中で|百年の後|城壁の上に"),
    phrases("老いた剣士は|月の巫女は|名もなき龍は"),
    phrases("約束を守った|門を閉じた|炎を見た"),
    phrases("と伝わる|という|らしい"),
)
_LORE = (
    *(_ENGLISH_LORE, _ENGLISH_LORE, _ENGLISH_LORE, _ENGLISH_LORE, _ENGLISH_LORE),
    *(_GREEK_LORE, _RUSSIAN_LORE, _RUSSIAN_LORE, _JAPANESE_LORE),
)


def name(dice: Dice) -> str:
    """Return a name of one script, sometimes numbered as players do, sometimes with an emoji."""
    given, family = dice.pick(_SCRIPTS)
    parts = [dice.pick(given), dice.pick(family)]
    if dice.one_in(4):
        parts.append(str(dice.between(2, 9999)))
    if dice.one_in(12):
        parts.append(dice.pick(_EMOJI))
    return " ".join(parts)


def sentence(dice: Dice) -> str:
    """Return a sentence of one language, with the space that parts it from the next."""
    return " ".join(dice.pick(part) for part in dice.pick(_LORE)) + ". "
