//! New: begins a notice from a template of its kind.

use std::fs;
use std::io::Write as _;

use anyhow::{Context, bail};
use chrono::TimeDelta;
use clap::ValueEnum;

use crate::clock::Clock;
use crate::command::terminal::say;
use crate::command::{Ended, Mistyped};
use crate::installation::Installation;
use crate::notice::slug;

/// Options of `new`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// What it is.
    pub kind: Kind,
    /// Its title.
    pub title: String,
}

/// What a notice is.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Kind {
    /// A gathering at a place and a time.
    Action,
    /// A statement of a position.
    Statement,
    /// An entry of the archive.
    Archive,
}

pub fn run(installation: &Installation, arguments: &Arguments, clock: &Clock) -> anyhow::Result<Ended> {
    let zone = &installation.config.site.zone;
    // A week from now at noon: a date that is right in form and that nobody leaves by mistake unseen.
    let starts =
        (zone.to_wall(clock.now()) + TimeDelta::days(7)).date().and_hms_opt(12, 0, 0).unwrap_or_default();
    let slug = slug(&arguments.title);
    if slug.is_empty() {
        bail!(Mistyped::Name("the title has no letter or digit to make a file's name of".to_owned()));
    }
    let title = toml::Value::String(arguments.title.clone());
    let (name, front) = match arguments.kind {
        Kind::Action => (
            format!("{}-{slug}", starts.date()),
            format!(
                "kind = \"action\"\ntitle = {title}\nsummary = \"One sentence: what, and what for.\"\ntags = []\n\
                 hosts = []\nstarts = {}\nzone = \"{}\"\nweekday = \"{}\"\n\n[place]\nname = \"Where\"\n\
                 address = \"Street and number, city\"\n",
                starts.format("%Y-%m-%d %H:%M"),
                zone.name(),
                starts.format("%A"),
            ),
        ),
        Kind::Statement => {
            (slug, format!("kind = \"statement\"\ntitle = {title}\ntags = []\naddressed_to = []\n"))
        }
        Kind::Archive => (slug, format!("kind = \"archive\"\ntitle = {title}\ntags = []\nunknown = []\n")),
    };
    let path = installation.notices().join(format!("{name}.md"));
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&path)
        .with_context(|| format!("make {}", path.display()))?;
    let publish_at = zone.to_wall(clock.now() + TimeDelta::days(1)).format("%Y-%m-%d %H:%M");
    // Commented out it would go out at the next look, half written.
    write!(
        file,
        "+++\n{}+++\nWrite here.\n",
        front.replacen(
            "\ntags",
            &format!("\npublish_at = {publish_at}  # until then nobody sees it\ntags"),
            1
        )
    )
    .with_context(|| format!("write {}", path.display()))?;
    say(format_args!("notices/{name}.md"))?;
    Ok(Ended::Well)
}
