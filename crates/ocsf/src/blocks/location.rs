//! `location`: where an address is, as JumpCloud looked it up (`geoip`).

use std::sync::LazyLock;

use crate::json::{Kind, Text, Value, Writer, key};

/// A place on Earth.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Location<'a> {
    country: Option<[u8; 2]>,
    pub region_code: Option<Text<'a>>,
    pub city: Option<Text<'a>>,
    postal_code: Option<Text<'a>>,
    desc: Option<Text<'a>>,
    continent: Option<&'static str>,
    lat: Option<Value<'a>>,
    long: Option<Value<'a>>,
}

/// "AAABAC…": every pair of letters, for lending out.
static PAIRS: LazyLock<String> = LazyLock::new(|| {
    (b'A'..=b'Z').flat_map(|a| (b'A'..=b'Z').flat_map(move |b| [char::from(a), char::from(b)])).collect()
});

impl<'a> Location<'a> {
    /// Reads `geoip`, which may be nested once more; nothing without a place that has a name.
    pub(crate) fn read(geoip: Value<'a>) -> Option<Self> {
        let geoip = geoip.get("geoip").filter(|inner| inner.kind() == Kind::Object).unwrap_or(geoip);
        let mut location = Self {
            country: None,
            region_code: None,
            city: None,
            postal_code: None,
            desc: None,
            continent: None,
            lat: None,
            long: None,
        };
        let mut second_country = None;
        for (key, value) in geoip.members().filter(|(_, value)| !value.is_empty()) {
            match key.text {
                "country_code" => location.country = value.string().and_then(country_of),
                "country_code2" => second_country = value.string().and_then(country_of),
                "region_code" => location.region_code = value.text(),
                "region_name" => location.desc = value.text(),
                "continent_code" => location.continent = value.string().and_then(|code| continent_of(code.text)),
                "city" | "city_name" => location.city = value.string(),
                "postal_code" => location.postal_code = value.text(),
                "latitude" => location.lat = Some(value),
                "longitude" => location.long = Some(value),
                _ => {}
            }
        }
        location.country = location.country.or(second_country);
        let is_named = location.country.is_some() || location.city.is_some() || location.postal_code.is_some();
        is_named.then_some(location)
    }

    /// Two upper-case letters.
    pub(crate) fn country(&self) -> Option<&'static str> {
        let [first, second] = self.country?;
        let at = (usize::from(first - b'A') * 26 + usize::from(second - b'A')) * 2;
        PAIRS.get(at..at + 2)
    }

    pub(crate) fn write(&self, to: &mut Writer<'_>) {
        to.object(key!("location"), |to| {
            to.text_if(key!("city"), self.city);
            to.text_if(key!("postal_code"), self.postal_code);
            if let Some(country) = self.country() {
                to.ours(key!("country"), country);
                if let Some(region) = self.region_code {
                    to.raw(concat!(key!("region"), "\""));
                    to.raw(country);
                    to.raw("-");
                    to.letters(region);
                    to.raw("\",");
                }
            }
            to.text_if(key!("desc"), self.desc);
            if let Some(continent) = self.continent {
                to.ours(key!("continent"), continent);
            }
            write_degrees(key!("lat"), self.lat, to);
            write_degrees(key!("long"), self.long, to);
        });
    }
}

/// Degrees, which also arrive as text.
fn write_degrees(key: &str, value: Option<Value<'_>>, to: &mut Writer<'_>) {
    let Some(value) = value else { return };
    if value.kind() == Kind::Number && value.is_verbatim() {
        to.raw(key);
        to.value(value);
    } else if let Some(degrees) = value.float() {
        to.float(key, degrees);
    }
}

fn country_of(code: Text<'_>) -> Option<[u8; 2]> {
    match code.text.as_bytes() {
        [first, second] if first.is_ascii_alphabetic() && second.is_ascii_alphabetic() => {
            Some([first.to_ascii_uppercase(), second.to_ascii_uppercase()])
        }
        _ => None,
    }
}

fn continent_of(code: &str) -> Option<&'static str> {
    Some(match code {
        "AF" => "Africa",
        "AN" => "Antarctica",
        "AS" => "Asia",
        "EU" => "Europe",
        "NA" => "North America",
        "OC" => "Oceania",
        "SA" => "South America",
        _ => return None,
    })
}
