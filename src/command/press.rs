//! Press: a link by which journalists read a notice before its embargo ends.

use crate::clock::Clock;
use crate::command::terminal::{complain, say};
use crate::command::{Ended, preview};
use crate::installation::Installation;
use crate::notice::shown::embargo;
use crate::subscriber::{Pass, Purpose};

/// Options of `press`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Its id, or the path of its file.
    pub notice: String,
}

pub async fn run(installation: &Installation, arguments: &Arguments, clock: &Clock) -> anyhow::Result<Ended> {
    let now = clock.now();
    let reading = installation.folder().read_once()?;
    let Some(draft) = preview::find(installation, &reading, &arguments.notice)? else {
        return Ok(Ended::WithProblems);
    };
    let (notice, site) = (&draft.notice, &installation.config.site);
    if notice.withdrawn.is_some() {
        complain(format_args!("{} was taken back: nobody is shown it", notice.id));
        return Ok(Ended::WithProblems);
    }
    let is_published = preview::published(installation, now).await?.revisions.contains_key(&notice.id);
    let Some(until) = embargo(notice, is_published, now) else {
        complain(format_args!("nothing of {} is under an embargo that is still to end", notice.id));
        return Ok(Ended::WithProblems);
    };
    let pass = Pass { notice: notice.id.to_string(), until: until.at };
    let token = installation.key()?.pass_token(&pass);
    say(site.address(&format!("{}/{token}", Purpose::Press.folder())))?;
    say(format_args!(
        "Whoever has the link reads {} until {}, with what it says to the press; then it leads to the page.",
        notice.id,
        until.rfc3339(),
    ))?;
    Ok(Ended::Well)
}
