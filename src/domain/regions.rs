//! The states of the United States and the provinces of Canada, as their posts name them: taxes go by them, so none may be
//! guessed. Other countries' regions are taken as they are written.
//! Source: USPS Publication 28, appendix B; Canada Post, addressing guidelines.

use super::address::CountryCode;

const UNITED_STATES: &str = "AL Alabama|AK Alaska|AZ Arizona|AR Arkansas|AA Armed Forces Americas|\
AE Armed Forces Europe|AP Armed Forces Pacific|AS American Samoa|CA California|CO Colorado|CT Connecticut|DE Delaware|\
DC District of Columbia|FL Florida|GA Georgia|GU Guam|HI Hawaii|ID Idaho|IL Illinois|IN Indiana|IA Iowa|KS Kansas|\
KY Kentucky|LA Louisiana|ME Maine|MD Maryland|MA Massachusetts|MI Michigan|MN Minnesota|MS Mississippi|MO Missouri|\
MT Montana|NE Nebraska|NV Nevada|NH New Hampshire|NJ New Jersey|NM New Mexico|NY New York|NC North Carolina|\
ND North Dakota|MP Northern Mariana Islands|OH Ohio|OK Oklahoma|OR Oregon|PA Pennsylvania|PR Puerto Rico|\
RI Rhode Island|SC South Carolina|SD South Dakota|TN Tennessee|TX Texas|VI Virgin Islands|UT Utah|VT Vermont|\
VA Virginia|WA Washington|WV West Virginia|WI Wisconsin|WY Wyoming";

const CANADA: &str = "AB Alberta|BC British Columbia|MB Manitoba|NB New Brunswick|NL Newfoundland and Labrador|\
NT Northwest Territories|NS Nova Scotia|NU Nunavut|ON Ontario|PE Prince Edward Island|QC Quebec|SK Saskatchewan|YT Yukon";

/// A text that is none of its country's states or provinces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownRegion;

/// The region of an address as taxes go by it: the two letters where the country's are known by them, whether they or the
/// name were written; else the text itself.
pub fn region(country: CountryCode, text: &str) -> Result<&str, UnknownRegion> {
    let all: &'static str = match country.as_str() {
        "US" => UNITED_STATES,
        "CA" => CANADA,
        _ => return Ok(text),
    };
    let written = text.trim();
    let known = all.split('|').filter_map(|region| region.split_once(' '));
    let mut found = known
        .filter(|(code, name)| code.eq_ignore_ascii_case(written) || name.eq_ignore_ascii_case(written))
        .map(|(code, _)| code);
    found.next().ok_or(UnknownRegion)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_known_by_its_letters_and_its_name() {
        let us: CountryCode = "US".parse().unwrap();
        for (text, code) in
            [("CA", "CA"), ("ca", "CA"), (" California ", "CA"), ("new york", "NY"), ("DC", "DC")]
        {
            assert_eq!(region(us, text), Ok(code), "{text}");
        }
        for unknown in ["", "Calif.", "ON", "Nowhere", "A L"] {
            assert_eq!(region(us, unknown), Err(UnknownRegion), "{unknown}");
        }
        assert_eq!(region("CA".parse().unwrap(), "ontario"), Ok("ON"));
        assert_eq!(region("JP".parse().unwrap(), "Tokyo"), Ok("Tokyo"));
        assert_eq!(region("DE".parse().unwrap(), ""), Ok(""));
        assert_eq!((UNITED_STATES.split('|').count(), CANADA.split('|').count()), (59, 13));
    }
}
