//! Where an event came from, as people name it: an address, a country. What can be neither is told, since a search for it
//! would only find nothing.

use std::net::IpAddr;

/// The officially assigned codes of ISO 3166-1, and XK, which is used for Kosovo.
const COUNTRIES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY \
BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB \
GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI \
KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ \
NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI \
SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN \
VU WF WS XK YE YT ZA ZM ZW";

/// An address as events have it.
///
/// # Errors
/// It is none.
pub fn parse_address(text: &str) -> Result<String, String> {
    match text.trim().parse::<IpAddr>() {
        Ok(_) => Ok(text.trim().to_owned()),
        Err(_) => {
            Err(format!("{text:?} is no IP address; give one as it stands in an event, e.g. 192.0.2.7 or 2001:db8::7"))
        }
    }
}

/// A country's code as events have it.
///
/// # Errors
/// It is none.
pub fn parse_country(text: &str) -> Result<String, String> {
    let code = text.trim().to_uppercase();
    if code.len() == 2 && COUNTRIES.split(' ').any(|country| country == code) {
        return Ok(code);
    }
    let hint = match code.as_str() {
        "UK" => "; the United Kingdom is GB",
        "EL" => "; Greece is GR",
        _ => "",
    };
    Err(format!("{text:?} is no country; give its two letters of ISO 3166, e.g. DE or US{hint}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_countries_are_known_and_nonsense_is_told() {
        assert_eq!(COUNTRIES.split(' ').count(), 250);
        assert_eq!(parse_country(" de "), Ok("DE".to_owned()));
        assert_eq!(parse_address("2001:db8::7"), Ok("2001:db8::7".to_owned()));
        for nonsense in ["Germany", "QQ", "", "D", "DE US"] {
            assert!(parse_country(nonsense).unwrap_err().contains("two letters"), "{nonsense}");
        }
        assert!(parse_country("uk").unwrap_err().contains("GB"));
        for nonsense in ["300.1.1.1", "192.0.2.0/24", "here", ""] {
            assert!(parse_address(nonsense).unwrap_err().contains("no IP address"), "{nonsense}");
        }
    }
}
