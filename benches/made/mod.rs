//! Made: notices for the benchmarks, as many as asked for, the same every time.
#![allow(dead_code, reason = "each benchmark takes what it needs")]

use std::fs;
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};

/// One notice, before it is written down for one program or another.
pub struct Made {
    pub id: String,
    pub kind: &'static str,
    pub title: String,
    pub summary: String,
    pub published_at: DateTime<Utc>,
    pub tags: Vec<String>,
    /// Markdown of 0.5 to 4.5 kB.
    pub body: String,
    /// Of an action.
    pub starts_at: DateTime<Utc>,
    /// An earlier notice that it names.
    pub follows: Option<String>,
}

// 2016-01-01; ten thousand notices at one every eight hours end in early 2025.
const BEGIN: i64 = 1_451_606_400;
const EVERY: TimeDelta = TimeDelta::hours(8);

// One action in so many is still ahead, in the thirties.
const AHEAD: usize = 500;

const TAGS: usize = 60;

const WORDS: &str = "the tenants of Alder Street meet in a yard and ask for heat water keys to every door we \
    bring soup bread lanterns chairs from tool library who comes may stay until night bus riders \
    sing with neighbors on corner where banner hangs over market hall nobody is asked name there \
    are stairs ramp beside garden at noon rain or sun children welcome together";

/// Marsaglia's xorshift64: the same numbers everywhere.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap() % bound
    }

    fn words(&mut self, count: usize) -> String {
        let known: Vec<&str> = WORDS.split(' ').collect();
        let words: Vec<&str> = (0..count).map(|_| known[self.below(known.len())]).collect();
        let text = words.join(" ");
        text[..1].to_uppercase() + &text[1..]
    }
}

/// The notice of that number, from 0: half of them actions, a quarter statements, a quarter archive entries.
pub fn notice(number: usize) -> Made {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15 ^ (u64::try_from(number).unwrap() << 20 | 1));
    dice.below(2);
    let published_at = DateTime::from_timestamp(BEGIN, 0).unwrap() + EVERY * i32::try_from(number).unwrap();
    let ahead = if number.is_multiple_of(AHEAD) { TimeDelta::days(20 * 365) } else { TimeDelta::days(9) };
    let mut tags: Vec<String> = (0..1 + dice.below(3)).map(|_| format!("tag-{}", dice.below(TAGS))).collect();
    tags.sort();
    tags.dedup();
    let (title, summary) = (4 + dice.below(5), 10 + dice.below(10));
    Made {
        id: id(number),
        kind: ["action", "statement", "action", "archive"][number % 4],
        title: format!("{} {number}", dice.words(title)),
        summary: format!("{}.", dice.words(summary)),
        published_at,
        tags,
        // At five, thirteen or twenty-one: no clock skips those.
        starts_at: published_at + ahead + TimeDelta::hours(5),
        follows: (number > 100 && number.is_multiple_of(10)).then(|| id(number - 1 - dice.below(100))),
        body: body(&mut dice),
    }
}

fn id(number: usize) -> String {
    format!("notice-{number:05}")
}

fn body(dice: &mut Dice) -> String {
    let bytes = 500 + dice.below(4_000);
    let mut text = String::new();
    while text.len() < bytes {
        let count = 8 + dice.below(16);
        let words = dice.words(count);
        text += &match dice.below(12) {
            0 => format!("## {}\n\n", dice.words(4)),
            1 => format!("- {words}\n- **{}**\n- {}\n\n", dice.words(6), dice.words(9)),
            2 => format!("> {words}\n\n"),
            3 => format!("{words}, [as they say](https://street.example.org/{}).\n\n", dice.below(1000)),
            4 => format!("1. {words}\n2. *{}*\n\n", dice.words(5)),
            _ => format!("{words}. {} & {}.\n\n", dice.words(20), dice.words(12)),
        };
    }
    text
}

impl Made {
    /// As a file of `notices/`.
    pub fn source(&self) -> String {
        let day = |at: DateTime<Utc>| at.format("%Y-%m-%d %H:%M");
        let tags: Vec<String> = self.tags.iter().map(|tag| format!("\"{tag}\"")).collect();
        let mut front = format!(
            "kind = \"{}\"\ntitle = \"{}\"\nsummary = \"{}\"\npublish_at = {}\ntags = [{}]\n",
            self.kind,
            self.title,
            self.summary,
            day(self.published_at),
            tags.join(", ")
        );
        if let Some(follows) = &self.follows {
            front += &format!("next = [\"{follows}\"]\n");
        }
        match self.kind {
            "action" => {
                front += &format!(
                    "hosts = [\"Alder Street Tenants\"]\nstarts = {}\nends = {}\nzone = \"America/New_York\"\n
[place]\nname = \"The yard\"\naddress = \"12 Alder Street\"\nmeeting_point = \"Under the fig tree\"\n
[access]\nwheelchair = \"Ramp beside the gate\"\n",
                    day(self.starts_at),
                    day(self.starts_at + TimeDelta::hours(2))
                );
            }
            "statement" => {
                front += "authors = [\"Alder Street Tenants\"]\nstance = \"demand\"\n\
                    signatories = [{ name = \"Night Bus Riders\", confirmed = true }]\n";
            }
            _ => {
                front += "authors = [\"Alder Street Tool Library\"]\nperiod = \"Since about 1993\"\n
[[lineage]]\nrel = \"learned_from\"\ntarget = \"The seed library\"\nconfidence = \"told\"\nsource = \"Two borrowers\"\n
[[sources]]\nkind = \"loan book\"\ntitle = \"Loans, volume 1\"\ndate = \"1993~\"\n";
            }
        }
        format!("+++\n{front}+++\n{}", self.body)
    }

    /// As a page of Hugo's `content/notices/`, with the same text under the same tags.
    pub fn hugo_source(&self) -> String {
        let tags: Vec<String> = self.tags.iter().map(|tag| format!("\"{tag}\"")).collect();
        format!(
            "+++\ntitle = \"{}\"\ndescription = \"{}\"\ndate = {}\ntags = [{}]\nkinds = [\"{}\"]\n+++\n{}",
            self.title,
            self.summary,
            self.published_at.format("%Y-%m-%dT%H:%M:%SZ"),
            tags.join(", "),
            self.kind,
            self.body
        )
    }

    /// Writes it into a folder of notices.
    pub fn write(&self, folder: &Path) {
        fs::write(folder.join(format!("{}.md", self.id)), self.source()).unwrap();
    }
}

/// Writes the first `count` notices into a folder, which it makes.
pub fn write_all(folder: &Path, count: usize) {
    fs::create_dir_all(folder).unwrap();
    (0..count).for_each(|number| notice(number).write(folder));
}
