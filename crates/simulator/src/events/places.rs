//! Where events come from: cities with their `geoip` objects, network addresses, and browsers.
//! Responsible for these lists. Addresses are from ranges reserved for documentation and benchmarks.

use std::sync::LazyLock;

use serde_json::{Value, json};

/// A city as the service tells it in `geoip`.
#[derive(Debug)]
pub(crate) struct Place {
    country: &'static str,
    continent: &'static str,
    region: &'static str,
    region_code: &'static str,
    timezone: &'static str,
    latitude: f64,
    longitude: f64,
    /// Hours ahead of UTC, daylight saving left out.
    pub(crate) hours: i64,
}

/// The number of a place in the list.
pub(crate) type PlaceNumber = u8;

/// Homes of organizations come first, in groups of three that are one land; then far places for attackers.
pub(crate) const PLACES: &[Place] = &[
    place("FI", "EU", "Uusimaa", "18", "Europe/Helsinki", 60.17, 24.93, 2),
    place("FI", "EU", "Pirkanmaa", "11", "Europe/Helsinki", 61.4978, 23.761, 2),
    place("FI", "EU", "North Ostrobothnia", "14", "Europe/Helsinki", 65.0121, 25.4651, 2),
    place("US", "NA", "Massachusetts", "MA", "America/New_York", 42.3797, -71.1034, -5),
    place("US", "NA", "Maine", "ME", "America/New_York", 43.6591, -70.2568, -5),
    place("US", "NA", "Georgia", "GA", "America/New_York", 33.6992, -84.7478, -5),
    place("DE", "EU", "Land Berlin", "BE", "Europe/Berlin", 52.5196, 13.4069, 1),
    place("DE", "EU", "Bavaria", "BY", "Europe/Berlin", 48.1374, 11.5755, 1),
    place("DE", "EU", "Hamburg", "HH", "Europe/Berlin", 53.5507, 9.993, 1),
    place("BR", "SA", "Sao Paulo", "SP", "America/Sao_Paulo", -23.5335, -46.6359, -3),
    place("SG", "AS", "Central Singapore", "01", "Asia/Singapore", 1.2929, 103.8547, 8),
    place("NG", "AF", "Lagos", "LA", "Africa/Lagos", 6.4474, 3.3903, 1),
    place("AU", "OC", "Victoria", "VIC", "Australia/Melbourne", -37.8159, 144.9669, 10),
];

/// The first place that is nobody's home.
pub(crate) const FIRST_FAR: PlaceNumber = 9;

/// How a `geoip` object can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GeoipForm {
    /// Flat, with numbers.
    Flat = 0,
    /// Flat, with latitude and longitude as texts.
    Texts = 1,
    /// One level deeper, as in the examples of the specification.
    Nested = 2,
    /// With `country_code2`, as in one older example.
    Older = 3,
}

#[expect(clippy::too_many_arguments, reason = "one line of a table")]
const fn place(
    country: &'static str,
    continent: &'static str,
    region: &'static str,
    region_code: &'static str,
    timezone: &'static str,
    latitude: f64,
    longitude: f64,
    hours: i64,
) -> Place {
    Place { country, continent, region, region_code, timezone, latitude, longitude, hours }
}

static GEOIP: LazyLock<Vec<[String; 4]>> = LazyLock::new(|| PLACES.iter().map(Place::forms).collect());

/// The `geoip` object of a place as JSON text.
pub(crate) fn geoip(place: PlaceNumber, form: GeoipForm) -> &'static str {
    &GEOIP[place as usize % PLACES.len()][form as usize]
}

impl Place {
    fn forms(&self) -> [String; 4] {
        let object = |code: &str, latitude: Value, longitude: Value| {
            json!({
                code: self.country, "timezone": self.timezone, "latitude": latitude, "longitude": longitude,
                "continent_code": self.continent, "region_name": self.region, "region_code": self.region_code,
            })
        };
        let flat = object("country_code", json!(self.latitude), json!(self.longitude));
        let texts =
            object("country_code", json!(format!("{:.4}", self.latitude)), json!(format!("{:.4}", self.longitude)));
        let mut older = object("country_code2", Value::Null, Value::Null);
        if let Value::Object(fields) = &mut older {
            fields.retain(|_, value| !value.is_null());
        }
        [flat.to_string(), texts.to_string(), json!({ "geoip": flat }).to_string(), older.to_string()]
    }
}

/// An IPv4 address.
pub(crate) type Address = [u8; 4];

/// The office of an organization: one address that everybody there shares.
pub(crate) fn office(seed: u64) -> Address {
    [203, 0, 113, 251 + (seed % 4) as u8]
}

/// Where a person works from when not in the office; stable for the person.
pub(crate) fn home(entropy: u64) -> Address {
    [198, 18 + (entropy & 1) as u8, (entropy >> 8) as u8, 1 + (entropy >> 16) as u8 % 254]
}

/// An address that attackers use.
pub(crate) fn far(entropy: u64) -> Address {
    [192, 0, 2, 1 + (entropy % 254) as u8]
}

/// Browsers and programs as the service takes user agents apart, most common first.
static AGENTS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let agent = |name: &str, version: &str, os: &str, os_version: &str, device: &str| {
        let part = |text: &str, place: usize| text.split('.').nth(place).unwrap_or("0").to_owned();
        let mut value = json!({
            "os": os, "os_name": os, "os_full": format!("{os} {os_version}"), "os_version": os_version,
            "os_major": part(os_version, 0), "os_minor": part(os_version, 1), "os_patch": part(os_version, 2),
            "name": name, "major": part(version, 0), "minor": part(version, 1), "patch": part(version, 2),
            "version": version, "build": "", "device": device,
        });
        if os == "Windows"
            && let Value::Object(fields) = &mut value
        {
            // The service has no minor version for Windows.
            fields.remove("os_minor");
            fields.remove("os_patch");
        }
        value.to_string()
    };
    vec![
        agent("Chrome", "142.0.0.0", "Mac OS X", "10.15.7", "Mac"),
        agent("Chrome", "142.0.0.0", "Windows", "10", "Other"),
        agent("Safari", "26.1.0", "Mac OS X", "10.15.7", "Mac"),
        agent("Firefox", "145.0.0", "Ubuntu", "24.4.0", "Other"),
        agent("Edge", "142.0.3595", "Windows", "10", "Other"),
        agent("Mobile Safari", "26.1.0", "iOS", "26.1.0", "iPhone"),
        json!({"os": "Other", "os_name": "Other", "os_full": "Other", "name": "Other", "device": "Other"}).to_string(),
        agent("Firefox", "115.0.0", "Linux", "6.1.0", "Other"),
    ]
});

/// The user agent of programs that call the API.
pub(crate) const PROGRAM: u8 = 6;
/// A browser that nobody of the organization uses.
pub(crate) const STRANGE_BROWSER: u8 = 7;

/// The user agent object with this number as JSON text.
pub(crate) fn agent(number: u8) -> &'static str {
    &AGENTS[number as usize % AGENTS.len()]
}
