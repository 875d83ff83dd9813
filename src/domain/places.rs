//! Countries and their regions by all their usual names, and the address fields that each country needs.
//!
//! The table is generated from committed data sets (`tables/make_places.py`). The tenant files, the addresses of
//! shoppers and the widget use it. Names are compared without case, accents, dots and blanks.

use std::collections::HashMap;
use std::sync::{LazyLock, OnceLock};

use serde::Deserialize;
use unicode_normalization::UnicodeNormalization as _;

use super::address::{ContactField, CountryCode};
use super::language::Language;
use super::postal_codes::{Beginning, PostalForm, bare};

/// How many choices a message lists.
const CHOICES: usize = 65;

/// A country or territory.
#[derive(Deserialize)]
pub struct Country {
    code: CountryCode,
    /// Its name in English.
    name: String,
    /// Its name in German, where it is another.
    german_name: Option<String>,
    #[serde(default)]
    names: Vec<String>,
    city: Presence,
    region: Presence,
    #[serde(default)]
    region_name: String,
    #[serde(default)]
    regions: Vec<Region>,
    postal: Presence,
    #[serde(default)]
    postal_name: String,
    pattern: Option<String>,
    #[serde(default)]
    example: String,
    /// The country of which it is also a state, with the same two letters.
    state_of: Option<CountryCode>,
    /// The country as a part of which it is often written, although it has taxes of its own.
    part_of: Option<CountryCode>,
    /// The postal codes that identify it there.
    postal_codes: Option<Beginning>,
    #[serde(skip)]
    postal_form: OnceLock<Option<PostalForm>>,
    /// The regions by every name, in the form in which names are compared.
    #[serde(skip)]
    regions_by_name: OnceLock<HashMap<String, usize>>,
}

/// A state, province, prefecture or county.
#[derive(Deserialize)]
pub struct Region {
    /// The name in addresses, and the key of tax rates.
    pub key: String,
    name: String,
    #[serde(default)]
    names: Vec<String>,
    /// How its postal codes begin, if that is certain.
    postal: Option<Beginning>,
    #[serde(default)]
    example: String,
}

/// Whether addresses of a country have a certain field.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Presence {
    Required,
    Optional,
    None,
}

struct Table {
    countries: Vec<Country>,
    by_name: HashMap<String, usize>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let countries: Vec<Country> =
        serde_json::from_str(include_str!("tables/places.json")).unwrap_or_default();
    let mut by_name = HashMap::new();
    for (at, country) in countries.iter().enumerate() {
        let names = [country.code.as_str(), &country.name].into_iter();
        for name in names.chain(country.names.iter().map(String::as_str)) {
            by_name.entry(folded(name)).or_insert(at);
        }
    }
    Table { countries, by_name }
});

/// The form in which names are compared: letters and digits, without case and accents.
fn folded(text: &str) -> String {
    text.nfkd().flat_map(char::to_lowercase).filter(|char| char.is_alphanumeric()).collect()
}

/// The parts of an address that identify a place, as they were written.
#[derive(Clone, Copy, Debug, Default)]
pub struct Written<'a> {
    /// A country or territory, by any name or code.
    pub country: &'a str,
    /// A region, by any name or code; may be blank.
    pub region: &'a str,
    /// The city; may be blank.
    pub city: &'a str,
    /// The postal code; may be blank.
    pub postal_code: &'a str,
}

/// A place for shipping and taxes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The country; for a territory that is also a state, the country that it is a state of.
    pub country: CountryCode,
    /// The region in the form of addresses; empty if none is needed.
    pub region: String,
    /// The postal code, trimmed and in capitals.
    pub postal_code: String,
}

/// Why a text does not name a place, and what would be valid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    #[error("is no country that is known")]
    Country,
    /// The country's addresses need a city.
    #[error("is missing")]
    City,
    /// The country's addresses need a region.
    #[error("is missing")]
    RegionMissing(CountryCode),
    #[error("is no {} of {}", .0.row().map_or("region", Country::region_name), .0.row().map_or("it", |row| &row.name))]
    Region(CountryCode),
    /// The country's addresses need a postal code.
    #[error("is missing")]
    PostalMissing(CountryCode),
    /// Not a postal code of the country.
    #[error("is no {} of {}", .0.row().map_or("postal code", |row| &row.postal_name), .0.row().map_or("it", |row| &row.name))]
    Postal(CountryCode),
    /// A postal code of another region.
    #[error("is not in {1}")]
    PostalElsewhere(CountryCode, String),
}

impl PlaceError {
    /// Whether a field is missing, as opposed to wrong.
    #[must_use]
    pub const fn is_missing(&self) -> bool {
        match self {
            Self::City | Self::RegionMissing(_) | Self::PostalMissing(_) => true,
            Self::Country | Self::Region(_) | Self::Postal(_) | Self::PostalElsewhere(..) => false,
        }
    }

    /// The field that is wrong.
    #[must_use]
    pub const fn field(&self) -> ContactField {
        match self {
            Self::Country => ContactField::Country,
            Self::City => ContactField::City,
            Self::RegionMissing(_) | Self::Region(_) => ContactField::State,
            Self::PostalMissing(_) | Self::Postal(_) | Self::PostalElsewhere(..) => ContactField::PostalCode,
        }
    }

    /// What to write instead.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::Country => "a country by its name or its two letters, such as US".to_owned(),
            Self::City => "the city".to_owned(),
            Self::RegionMissing(country) | Self::Region(country) => country.regions(),
            Self::PostalMissing(country) | Self::Postal(country) => country
                .row()
                .map_or_else(String::new, |row| format!("the {}, such as {}", row.postal_name, row.example)),
            Self::PostalElsewhere(..) => "the postal code and the region of the same address".to_owned(),
        }
    }
}

/// A country by any usual name or code.
#[must_use]
pub fn country(text: &str) -> Option<CountryCode> {
    TABLE.by_name.get(&folded(text)).and_then(|at| TABLE.countries.get(*at)).map(|row| row.code)
}

/// Every country and territory.
pub fn countries() -> impl Iterator<Item = &'static Country> {
    TABLE.countries.iter()
}

/// The country of which this territory is also a state.
#[must_use]
pub fn state_of(territory: CountryCode) -> Option<CountryCode> {
    territory.row()?.state_of
}

/// The country whose taxes apply at an address, and the address's region in it. Sessions of earlier versions name a
/// territory as the country.
#[must_use]
pub fn taxed(country: CountryCode, region: &str) -> (CountryCode, Option<&'static str>) {
    match state_of(country) {
        Some(whole) => (whole, whole.region(country.as_str())),
        None => (country, country.region(region)),
    }
}

/// The one of the listed countries that an address is in; it may be a territory with the region's name.
#[must_use]
pub fn listed(list: &[CountryCode], country: CountryCode, region: &str) -> Option<CountryCode> {
    let has_region =
        |one: &CountryCode| state_of(*one) == Some(country) && one.as_str().eq_ignore_ascii_case(region);
    let itself = list.iter().find(|one| **one == country);
    itself.or_else(|| list.iter().find(|one| has_region(one))).copied()
}

/// Whether an address is in one of the listed countries.
#[must_use]
pub fn covers(list: &[CountryCode], country: CountryCode, region: &str) -> bool {
    listed(list, country, region).is_some()
}

/// A region and a postal code that belong together in a country; the region with this name, if one is given.
#[must_use]
pub fn example(country: CountryCode, region: Option<&str>) -> (String, String) {
    let Some(row) = country.row() else { return (String::new(), String::new()) };
    let needed = (row.region == Presence::Required).then(|| row.regions.first()).flatten();
    let region = region.and_then(|name| row.find(name)).or(needed);
    let postal_code = region.map(|region| &region.example).filter(|example| !example.is_empty());
    (region.map(|region| region.key.clone()).unwrap_or_default(), postal_code.unwrap_or(&row.example).clone())
}

/// The place that a text means.
pub fn place(written: Written<'_>) -> Result<Place, PlaceError> {
    let named = country(written.country).ok_or(PlaceError::Country)?;
    let row = named.row().ok_or(PlaceError::Country)?;
    let (row, region) = match (row.state_of.and_then(CountryCode::row), row.territory(written)) {
        (Some(whole), _) if whole.find(written.region).is_some_and(|other| other.key != named.as_str()) => {
            return Err(PlaceError::Region(named));
        }
        (Some(whole), _) => (whole, named.as_str()),
        // The text that identified the territory is not one of its regions.
        (None, Some(territory)) => (territory, ""),
        (None, None) => (row, written.region),
    };
    if row.city == Presence::Required && written.city.trim().is_empty() {
        return Err(PlaceError::City);
    }
    let region = row.region(region)?;
    let postal_code = row.postal_code(written.postal_code, region.known)?;
    Ok(Place { country: row.code, region: region.text, postal_code })
}

/// A region as it was found.
struct Found {
    text: String,
    known: Option<&'static Region>,
}

impl CountryCode {
    /// Its row of the table.
    fn row(self) -> Option<&'static Country> {
        let at = TABLE.countries.binary_search_by(|row| row.code.cmp(&self));
        at.ok().and_then(|at| TABLE.countries.get(at))
    }

    /// Its name in English.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        self.name_in(Language::English)
    }

    /// Its name in a language.
    #[must_use]
    pub fn name_in(self, language: Language) -> Option<&'static str> {
        let row = self.row()?;
        Some(match language {
            Language::English => &row.name,
            Language::German => row.german_name.as_ref().unwrap_or(&row.name),
        })
    }

    /// The region of this country that a text names, in the form of addresses.
    #[must_use]
    pub fn region(self, text: &str) -> Option<&'static str> {
        Some(&self.row()?.find(text)?.key)
    }

    /// Whether its regions are known, so that taxes may depend on them.
    #[must_use]
    pub fn has_regions(self) -> bool {
        self.row().is_some_and(|row| !row.regions.is_empty())
    }

    /// The word for its regions.
    #[must_use]
    pub fn regions(self) -> String {
        self.row().map(Country::choices).unwrap_or_default()
    }
}

impl Country {
    /// Its two letters.
    #[must_use]
    pub const fn code(&self) -> CountryCode {
        self.code
    }

    fn find(&self, text: &str) -> Option<&Region> {
        if self.regions.is_empty() || text.is_empty() {
            return None;
        }
        self.regions.get(*self.regions_by_name.get_or_init(|| self.every_region()).get(&folded(text))?)
    }

    /// A key of one region takes precedence over an equal name of another.
    fn every_region(&self) -> HashMap<String, usize> {
        let regions = || self.regions.iter().enumerate();
        let keys = regions().map(|(at, region)| (&region.key, at));
        let names = regions().map(|(at, region)| (&region.name, at));
        let further = regions().flat_map(|(at, region)| region.names.iter().map(move |name| (name, at)));
        let mut by_name = HashMap::new();
        for (name, at) in keys.chain(names).chain(further) {
            by_name.entry(folded(name)).or_insert(at);
        }
        by_name
    }

    fn region(&'static self, text: &str) -> Result<Found, PlaceError> {
        let text = text.trim();
        let known = self.find(text);
        match (known, self.region) {
            (Some(region), _) => Ok(Found { text: region.key.clone(), known }),
            // A value in a field that these addresses do not have is ignored.
            (None, Presence::None) => Ok(Found { text: String::new(), known }),
            (None, Presence::Required) if text.is_empty() => Err(PlaceError::RegionMissing(self.code)),
            (None, Presence::Required) => Err(PlaceError::Region(self.code)),
            (None, Presence::Optional) => Ok(Found { text: text.to_owned(), known }),
        }
    }

    fn postal_code(&self, text: &str, region: Option<&Region>) -> Result<String, PlaceError> {
        let code: String = text.nfkc().collect::<String>().trim().to_uppercase();
        if code.is_empty() {
            return match self.postal {
                Presence::Required => Err(PlaceError::PostalMissing(self.code)),
                Presence::Optional | Presence::None => Ok(code),
            };
        }
        if self.postal == Presence::None {
            return Ok(code);
        }
        let known = match self.postal_form() {
            Some(form) => form.read(self.code, &code).ok_or(PlaceError::Postal(self.code))?,
            None => bare(&code),
        };
        let begins = region.and_then(|region| Some((region, region.postal.as_ref()?)));
        match begins {
            Some((region, begins)) if !begins.fits(&known) => {
                Err(PlaceError::PostalElsewhere(self.code, region.name.clone()))
            }
            Some(_) | None => Ok(code),
        }
    }

    fn postal_form(&self) -> Option<&PostalForm> {
        self.postal_form.get_or_init(|| PostalForm::of(self.pattern.as_ref()?)).as_ref()
    }

    /// Its regions, as a message lists them.
    fn choices(&self) -> String {
        let named = self.regions.iter().take(CHOICES).map(|region| {
            if region.key == region.name {
                region.key.clone()
            } else {
                format!("{} ({})", region.key, region.name)
            }
        });
        let named: Vec<String> = named.collect();
        if named.is_empty() {
            return format!("nothing there: addresses in {} have none", self.name);
        }
        let article = if self.region_name.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
        let more = if self.regions.len() > CHOICES { ", …" } else { "" };
        format!("{article} {}: {}{more}", self.region_name, named.join(", "))
    }

    fn region_name(&self) -> &str {
        if self.region_name.is_empty() { "region" } else { &self.region_name }
    }

    /// The territory with taxes of its own that was written as a part of this country: identified by its name in the
    /// region field, or by its postal code.
    fn territory(&self, written: Written<'_>) -> Option<&'static Self> {
        let parts = || TABLE.countries.iter().filter(|row| row.part_of == Some(self.code));
        let is_region = self.find(written.region).is_some() || folded(written.region).chars().count() < 3;
        let named = country(written.region).filter(|_| !is_region);
        let by_name = parts().find(|row| Some(row.code) == named);
        let postal_code = bare(&written.postal_code.to_uppercase());
        let told = |row: &&Self| row.postal_codes.as_ref().is_some_and(|told| told.fits(&postal_code));
        // The narrowest match is the most specific.
        let by_postal_code =
            || parts().filter(told).min_by_key(|row| row.postal_codes.as_ref().map(Beginning::width));
        by_name.or_else(by_postal_code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(country: &str, region: &str, postal_code: &str) -> Result<(String, String, String), PlaceError> {
        let place = place(Written { country, region, city: "City", postal_code })?;
        Ok((place.country.as_str().to_owned(), place.region, place.postal_code))
    }

    fn is(country: &str, region: &str, postal_code: &str) -> (String, String, String) {
        (country.to_owned(), region.to_owned(), postal_code.to_owned())
    }

    #[test]
    fn a_place_is_known_by_every_usual_name() {
        for (country, region, postal_code, found) in [
            ("US", "CA", "90001", is("US", "CA", "90001")),
            ("United States", "california", "90001-1234", is("US", "CA", "90001-1234")),
            ("U.S.A.", " Calif. ", "90001", is("US", "CA", "90001")),
            ("usa", "D.C.", "20001", is("US", "DC", "20001")),
            ("US", "Washington, D.C.", "20001", is("US", "DC", "20001")),
            ("US", "US-NY", "10001", is("US", "NY", "10001")),
            ("US", "U.S. Virgin Islands", "00802", is("US", "VI", "00802")),
            ("840", "Puerto Rico", "00901", is("US", "PR", "00901")),
            ("Vereinigte Staaten", "AE", "09001", is("US", "AE", "09001")),
            ("ca", "Québec", "h3z 2y7", is("CA", "QC", "H3Z 2Y7")),
            ("Canada", "quebec", "H3Z2Y7", is("CA", "QC", "H3Z2Y7")),
            ("Canada", "P.E.I.", "C1A 1A1", is("CA", "PE", "C1A 1A1")),
            ("AU", "New South Wales", "2000", is("AU", "NSW", "2000")),
            ("Australien", "nsw", "2000", is("AU", "NSW", "2000")),
            ("Deutschland", "", "10115", is("DE", "", "10115")),
            ("DE", "Bayern", "80331", is("DE", "", "80331")),
            ("UK", "", "ec1y 8sy", is("GB", "", "EC1Y 8SY")),
            ("England", "", "EC1Y8SY", is("GB", "", "EC1Y8SY")),
            ("日本", "東京都", "１００－０００１", is("JP", "Tokyo", "100-0001")),
            ("JP", "Kyoto Prefecture", "6048005", is("JP", "Kyoto", "6048005")),
            ("The Netherlands", "", "1012 AB", is("NL", "", "1012 AB")),
            ("Cote d'Ivoire", "", "", is("CI", "", "")),
            ("Ireland", "Dublin", "", is("IE", "Co. Dublin", "")),
            ("Mexico", "Ciudad de Mexico", "06000", is("MX", "CDMX", "06000")),
            ("São Tomé & Príncipe", "", "", is("ST", "", "")),
            ("Trinidad and Tobago", "", "", is("TT", "", "")),
            ("China", "Beijing", "100096", is("CN", "Beijing Shi", "100096")),
            ("CN", "北京", "100096", is("CN", "Beijing Shi", "100096")),
            ("Nigeria", "Lagos State", "", is("NG", "Lagos", "")),
            ("IT", "Rome", "00144", is("IT", "RM", "00144")),
            ("IT", "VA", "21100", is("IT", "VA", "21100")),
            ("EE.UU.", "CA", "90001", is("US", "CA", "90001")),
        ] {
            assert_eq!(at(country, region, postal_code), Ok(found), "{country} {region} {postal_code}");
        }
    }

    #[test]
    fn a_territory_that_is_also_a_state_is_one_place_under_both_names() {
        for (territory, name, postal_code) in [
            ("PR", "Puerto Rico", "00901"),
            ("GU", "Guam", "96910"),
            ("VI", "Virgin Islands", "00802"),
            ("AS", "American Samoa", "96799"),
            ("MP", "Northern Mariana Islands", "96950"),
        ] {
            let found = Ok(is("US", territory, postal_code));
            assert_eq!(at(territory, "", postal_code), found, "{territory}");
            assert_eq!(at(name, "San Juan", postal_code), found, "{name}");
            assert_eq!(at("US", name, postal_code), found, "{name}");
            let (code, us): (CountryCode, CountryCode) = (territory.parse().unwrap(), "US".parse().unwrap());
            assert!(covers(&[us], us, territory) && covers(&[code], us, territory), "{territory}");
            assert!(!covers(&[code], us, "NY"), "{territory}");
        }
    }

    #[test]
    fn a_country_is_no_state_because_its_post_is_carried_like_one() {
        let us: CountryCode = "US".parse().unwrap();
        for (code, name, postal_code) in
            [("FM", "Micronesia", "96941"), ("MH", "Marshall Islands", "96960"), ("PW", "Palau", "96940")]
        {
            assert_eq!(at(name, "", postal_code), Ok(is(code, "", postal_code)), "{name}");
            assert_eq!(at("US", code, postal_code), Err(PlaceError::Region(us)), "{name}");
            assert!(!covers(&[us], code.parse().unwrap(), ""), "{name}");
        }
    }

    #[test]
    fn a_territory_with_its_own_taxes_is_found_inside_a_country() {
        for (country, region, postal_code, territory) in [
            ("FR", "La Réunion", "97400", "RE"),
            ("FR", "", "97400", "RE"),
            ("France", "Guadeloupe", "97110", "GP"),
            ("FR", "", "97150", "MF"),
            ("FR", "", "98000", "MC"),
            ("FR", "", "75001", "FR"),
            ("GB", "Jersey", "JE2 3AB", "JE"),
            ("UK", "", "GY1 1AA", "GG"),
            ("GB", "", "im1 1aa", "IM"),
            ("GB", "", "EC1Y 8SY", "GB"),
            ("FI", "Åland", "22100", "AX"),
            ("FI", "", "00100", "FI"),
            ("NO", "", "9170", "SJ"),
            ("CH", "", "9490", "LI"),
            ("IT", "RN", "47890", "SM"),
            ("CN", "Hong Kong", "999077", "HK"),
            ("CN", "Taiwan", "", "TW"),
        ] {
            let written = Written { country, region, city: "City", postal_code };
            let there = match place(written) {
                Ok(place) => place.country,
                // Its own addresses have a field that these lack.
                Err(
                    PlaceError::RegionMissing(code)
                    | PlaceError::Postal(code)
                    | PlaceError::PostalMissing(code),
                ) => code,
                Err(other) => panic!("{country} {region} {postal_code}: {other:?}"),
            };
            assert_eq!(there.as_str(), territory, "{country} {region} {postal_code}");
        }
    }

    #[test]
    fn what_is_not_known_is_asked_for_by_its_field() {
        let code = |text: &str| text.parse::<CountryCode>().unwrap();
        for (country, region, postal_code, error) in [
            ("Atlantis", "", "", PlaceError::Country),
            ("", "", "", PlaceError::Country),
            ("US", "", "90001", PlaceError::RegionMissing(code("US"))),
            ("US", "Ontario", "90001", PlaceError::Region(code("US"))),
            ("US", "CA", "", PlaceError::PostalMissing(code("US"))),
            ("US", "CA", "ABC", PlaceError::Postal(code("US"))),
            ("US", "CA", "9000", PlaceError::Postal(code("US"))),
            ("US", "CA", "10001", PlaceError::PostalElsewhere(code("US"), "California".to_owned())),
            ("CA", "ON", "90210", PlaceError::Postal(code("CA"))),
            ("CA", "ON", "H3Z 2Y7", PlaceError::PostalElsewhere(code("CA"), "Ontario".to_owned())),
            ("AU", "South Wales", "2000", PlaceError::Region(code("AU"))),
            ("DE", "", "1011", PlaceError::Postal(code("DE"))),
            ("ES", "Las Palmas", "28001", PlaceError::PostalElsewhere(code("ES"), "Las Palmas".to_owned())),
            ("ES", "Madrid", "51001", PlaceError::PostalElsewhere(code("ES"), "Madrid".to_owned())),
            ("PR", "Texas", "00901", PlaceError::Region(code("PR"))),
            ("Puerto Rico", "", "90001", PlaceError::PostalElsewhere(code("US"), "Puerto Rico".to_owned())),
        ] {
            assert_eq!(at(country, region, postal_code), Err(error), "{country} {region} {postal_code}");
        }
        let nowhere = Written { country: "US", region: "CA", city: " ", postal_code: "90001" };
        assert_eq!(place(nowhere), Err(PlaceError::City));
        let singapore = Written { country: "SG", region: "", city: "", postal_code: "546080" };
        assert!(place(singapore).is_ok(), "a city that is a country");
    }

    #[test]
    fn what_to_write_is_named() {
        let wrong = at("AU", "South Wales", "2000").unwrap_err();
        assert_eq!(wrong.to_string(), "is no state of Australia");
        assert!(
            wrong.remedy().starts_with("a state: ACT (Australian Capital Territory), JBT"),
            "{}",
            wrong.remedy()
        );
        let wrong = at("US", "CA", "ABC").unwrap_err();
        assert_eq!(
            (wrong.to_string(), wrong.remedy()),
            ("is no ZIP code of United States".to_owned(), "the ZIP code, such as 95014".to_owned())
        );
    }

    #[test]
    fn each_line_of_the_table_holds_together() {
        let codes: Vec<CountryCode> = countries().map(Country::code).collect();
        assert_eq!(codes.len(), 250);
        assert!(codes.is_sorted_by(|one, next| one < next));
        for row in countries() {
            assert_eq!(country(row.code.as_str()), Some(row.code), "letters come first");
            assert_eq!(country(&row.name), Some(row.code), "{}", row.name);
            for name in &row.names {
                assert_eq!(country(name), Some(row.code), "{name}");
            }
            for region in &row.regions {
                for name in region.names.iter().chain([&region.key, &region.name]) {
                    assert_eq!(row.code.region(name), Some(region.key.as_str()), "{} {name}", row.name);
                }
                let (key, postal_code) = example(row.code, Some(&region.key));
                let there = place(Written {
                    country: row.code.as_str(),
                    region: &key,
                    city: "City",
                    postal_code: &postal_code,
                });
                assert_eq!(there.map(|place| place.region), Ok(key), "{} {postal_code}", row.name);
            }
            if row.pattern.is_some() {
                let form = row.postal_form().unwrap();
                assert!(form.read(row.code, &row.example).is_some(), "{} {}", row.name, row.example);
            }
            assert!(row.region != Presence::Required || row.has_regions_to_choose(), "{}", row.name);
        }
    }

    impl Country {
        fn has_regions_to_choose(&self) -> bool {
            !self.regions.is_empty()
        }
    }

    #[test]
    fn a_country_has_a_name_in_every_language() {
        let germany: CountryCode = "DE".parse().unwrap();
        assert_eq!(
            Language::ALL.map(|language| germany.name_in(language)),
            [Some("Germany"), Some("Deutschland")]
        );
        let here: CountryCode = "LI".parse().unwrap();
        assert_eq!(here.name_in(Language::German), here.name());
    }
}
