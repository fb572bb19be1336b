//! Schedule.
use handbill::schedule::zone::*;
#[test]
fn t() {
    let u = |s: &str| s.parse::<chrono::DateTime<chrono::Utc>>().unwrap();
    eprintln!("{}", tzdb_version());
    for z in [
        "America/New_York",
        "America/Vancouver",
        "America/Edmonton",
        "America/Winnipeg",
        "Europe/London",
        "Europe/Berlin",
        "Australia/Lord_Howe",
        "Australia/Sydney",
        "Pacific/Auckland",
        "America/Santiago",
        "Africa/Cairo",
        "America/Havana",
        "Asia/Beirut",
        "Antarctica/Troll",
        "Africa/Casablanca",
        "America/St_Johns",
        "Pacific/Chatham",
        "Asia/Gaza",
        "America/Nuuk",
        "America/Asuncion",
        "Europe/Chisinau",
        "Asia/Jerusalem",
    ] {
        let z = Zone::find(z).unwrap();
        for t in z.transitions(u("2026-01-01T00:00:00Z"), u("2027-01-01T00:00:00Z")) {
            eprintln!(
                "{} {:?} {} -> {} {} {}",
                z.name(),
                t.at,
                t.offset_before,
                t.offset_after,
                t.abbreviation,
                t.daylight
            );
        }
        eprintln!("{} {}", z.name(), z.offset_seconds(u("2026-12-15T00:00:00Z")));
    }
    let z = Zone::find("Pacific/Apia").unwrap();
    eprintln!("{:?}", z.transitions(u("2011-01-01T00:00:00Z"), u("2012-12-01T00:00:00Z")));
    for n in [
        "EST",
        "New York",
        "Eastern",
        "eastern time",
        "US Eastern",
        "Eastern Standard Time",
        "New York, NY",
        "São Paulo",
        "Boston",
        "Chicgo",
        "america/new york",
        "America/NewYork",
        "Amerika/New_York",
        "Calcutta",
        "asia/calcuta",
        "CET",
        "GMT+1",
        "Mars",
        "foo",
        "",
        "/",
        "Kiev",
        "PST8PDT",
        "St. Johns",
        "Los Angles",
        "UTC+2",
        "Zurich",
        "Port au Prince",
        "Beijing",
        "localtime",
        "Europe/Barcelona",
        "Lord Howe",
        "Nome",
        "x",
    ] {
        eprintln!("{n} -> {:?}", suggest(n));
    }
    eprintln!("{}", tzdb().names().count());
}
