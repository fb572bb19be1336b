//! Preview: every output of one notice, before it goes out.
#[derive(Debug, clap::Args)]
pub struct Arguments {}
pub async fn run(
    _i: &crate::installation::Installation,
    _a: &Arguments,
    _c: &crate::clock::Clock,
) -> anyhow::Result<crate::command::Ended> {
    Ok(crate::command::Ended::Well)
}
