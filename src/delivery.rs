//! Delivery: one edition to one recipient, and what follows an answer.
//!
//! Pure.

use std::time::Duration;

use chrono::{DateTime, SubsecRound as _, Utc};

use crate::edition::Content;
use crate::notice::date::Dated;
use crate::revision::Revision;
use crate::schedule::quiet::Quiet;

/// Seconds before the second, third, … try of a digest's mail: 5, 10, 20 and 40 minutes, then hourly for as long
/// as five days are not over.
///
/// RFC 5321 §4.5.4.1 asks to try for at least four to five days. It also asks for half an hour between tries
/// unless the client knows better; it does for greylists (RFC 6647), which let a second try through after
/// minutes. Postfix begins with 300 s, too, ends with 4,000 s and gives up after 5 days.
pub const MAIL_RETRIES: &[u32] = &then_hourly::<4, 122>([300, 600, 1_200, 2_400]);

/// Seconds before the second, third, … try of an urgent mail, which is of the moment: 1, 2, 5, 10, 20 and 40
/// minutes, then hourly for as long as five days are not over.
pub const URGENT_MAIL_RETRIES: &[u32] = &then_hourly::<6, 124>([60, 120, 300, 600, 1_200, 2_400]);

/// The longest that a `retry_after` is heeded: nobody can put a delivery off beyond what it is good for.
pub const LONGEST_ASKED: Duration = Duration::from_hours(24);

/// What the other side's answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// They took it: a 250 to the final dot, a 2xx.
    Sent,
    /// Not now: the same bytes may be taken later.
    Deferred(Fault),
    /// Never for this recipient, or never for these bytes.
    Bounced(Fault),
    /// The body went out and the answer never came.
    Uncertain,
}

/// Whose refusal it is, so that nobody is suppressed for what we did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The recipient's address or target: unknown user, full mailbox, 410.
    Recipient,
    /// The message or its sender: 5xx at the dot, RFC 3463 5.7.x.
    Message,
    /// The way there: connection refused, name not found, TLS, AUTH, 421, 429.
    Route,
}

/// What came back from one try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What it means.
    pub outcome: Outcome,
    /// SMTP reply code or HTTP status; none when no answer came.
    pub code: Option<u16>,
    /// RFC 3463 enhanced status code such as `5.1.1`, when there was one.
    pub enhanced: Option<String>,
    /// Their words, at most 1,000 bytes, with every address taken out.
    pub text: String,
    /// How long they ask us to wait (Retry-After).
    pub retry_after: Option<Duration>,
    /// How long the try took.
    pub took: Duration,
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Waits for its time.
    Due,
    /// A deliverer holds it under a lease.
    Claimed,
    /// They took it.
    Sent,
    /// They refused it for good.
    Bounced,
    /// Its latest time passed before it could be sent.
    Expired,
    /// It may have been sent; nobody can know.
    Uncertain,
    /// The subscriber left before it was claimed.
    Left,
    /// A later revision took from it what it was to say; who was told before hears by a correction.
    Superseded,
    /// It may have been sent, and a person decided not to send it again.
    Dropped,
}

/// How often and how long a delivery is tried.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// Seconds before the second, third, … try; past the end the delivery bounces.
    pub retries: &'static [u32],
    /// Whether an uncertain delivery is sent again (same Message-ID) or held for a person.
    pub resend_uncertain: bool,
    /// Whether what is refused for what we did (a block, a policy) is tried again: it is for a person to mend, and then
    /// nobody is to have lost a mail by it.
    pub retry_our_faults: bool,
    /// ± share of a retry's delay that comes from the delivery's hash, in percent.
    pub jitter_percent: u8,
}

/// What follows an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// It is over.
    Done(State),
    /// Try again then.
    Retry(DateTime<Utc>),
}

/// What `next` has to know of a delivery.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'q> {
    /// Tries so far, the one just answered included.
    pub attempts: u32,
    /// Past it nothing is sent.
    pub expires_at: Option<DateTime<Utc>>,
    /// A hash of the delivery: the source of its jitter.
    pub seed: u64,
    /// The hours in which it is not tried again, see `quiet`.
    pub quiet: Option<&'q Quiet>,
}

/// Whether a later revision has taken from an edition what it was to say: a reminder of an action that does not take
/// place any more on that date, or not at the time for which the reminder fell due `at`; the plan would not make it
/// now. Nothing is said of a notice that was taken back but that, and nothing of a change to who waited for it until all
/// was again as it had been.
///
/// An issue, an alert and a correction show their notices as they are now, whatever else that is. `expires_at` of a
/// reminder is the start that it was planned for, and `revisions` are the latest of what the edition carries.
pub fn is_superseded(
    content: &Content,
    at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    revisions: &[Revision],
) -> bool {
    let is_withdrawn = |revision: &Revision| revision.notice().withdrawn.is_some();
    match content {
        Content::Reminder(..) if revisions.iter().any(is_withdrawn) => true,
        Content::Reminder(_, date, _) => !revisions.iter().all(|revision| {
            let event = revision.notice().event();
            let stands = |dated: Dated<'_>| dated.status.takes_place() && dated.starts.at == expires_at;
            // One that was off, and on again since, has a start for which this reminder was never due.
            // One that was the only date may have become one of several; its start is the same.
            let dated = event.and_then(|event| match date {
                Some(key) => event.dated_of(Some(key)),
                None => event.dated().find(|dated| dated.starts.at == expires_at),
            });
            dated.is_some_and(|dated| stands(dated) && revision.stands_since(dated.key) < at)
        }),
        Content::Issue { .. } | Content::Alert(_) => revisions.iter().all(is_withdrawn),
        Content::Correction(_, sequence) => revisions.iter().any(|revision| {
            let is_of_it =
                |at| revision.changes.iter().any(|change| change.sequence == *sequence && change.at != at);
            revision.withdrawn_at().is_some_and(is_of_it) || revision.is_as_before(*sequence)
        }),
        Content::Personal(..) => false,
    }
}

/// The quiet hours that an edition heeds, of those that its list keeps: a correction cannot wait, because people are
/// on their way to where nothing is, nor can an answer to somebody who waits for it.
pub fn quiet<'q>(content: &Content, of_list: Option<&'q Quiet>) -> Option<&'q Quiet> {
    match content {
        Content::Issue { .. } | Content::Alert(_) | Content::Reminder(..) => of_list,
        Content::Correction(..) | Content::Personal(..) => None,
    }
}

/// When something goes out that is to be tried at `at`, may be since `possible_since` and is worth nothing from
/// `expires_at` on: out of quiet hours, by the rule that the plan has for the first try (`Quiet::settle`).
pub fn wake(
    quiet: Option<&Quiet>,
    at: DateTime<Utc>,
    possible_since: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
) -> DateTime<Utc> {
    // Quiet hours count whole seconds, and end at a whole one.
    let second = at.trunc_subsecs(0);
    let settled = quiet.map_or(second, |quiet| quiet.settle(second, possible_since, expires_at));
    if settled == second { at } else { settled }
}

/// What follows an answer, and when.
pub fn next(policy: &Policy, standing: &Standing<'_>, answer: &Answer, now: DateTime<Utc>) -> Next {
    match answer.outcome {
        Outcome::Sent => Next::Done(State::Sent),
        Outcome::Bounced(Fault::Message) if policy.retry_our_faults => retry(policy, standing, answer, now),
        Outcome::Bounced(_) => Next::Done(State::Bounced),
        Outcome::Uncertain if !policy.resend_uncertain => Next::Done(State::Uncertain),
        Outcome::Uncertain | Outcome::Deferred(_) => retry(policy, standing, answer, now),
    }
}

const fn then_hourly<const FIRST: usize, const ALL: usize>(first: [u32; FIRST]) -> [u32; ALL] {
    let mut retries = [3_600; ALL];
    let (head, _) = retries.split_at_mut(FIRST);
    head.copy_from_slice(&first);
    retries
}

fn retry(policy: &Policy, standing: &Standing<'_>, answer: &Answer, now: DateTime<Utc>) -> Next {
    let tried = usize::try_from(standing.attempts.saturating_sub(1)).unwrap_or(usize::MAX);
    // A way that is closed says nothing about the recipient: tries go on at the last pace until it expires.
    let delay = match (answer.outcome, policy.retries.get(tried), policy.retries.last()) {
        (_, Some(delay), _) | (Outcome::Deferred(Fault::Route), None, Some(delay)) => *delay,
        (Outcome::Uncertain, None, _) => return Next::Done(State::Uncertain),
        (Outcome::Sent | Outcome::Deferred(_) | Outcome::Bounced(_), None, _) => {
            return Next::Done(State::Bounced);
        }
    };
    let asked = answer.retry_after.unwrap_or_default().min(LONGEST_ASKED);
    let at = now + jittered(delay, policy.jitter_percent, standing).max(asked);
    match standing.expires_at {
        Some(expires_at) if at >= expires_at => Next::Done(State::Expired),
        Some(_) | None => Next::Retry(wake(standing.quiet, at, now + asked, standing.expires_at)),
    }
}

// From the delivery's hash, so that a plan can be made again; another for each try.
fn jittered(delay: u32, percent: u8, standing: &Standing<'_>) -> Duration {
    let spread = u64::from(delay) * 10 * u64::from(percent);
    let drawn =
        (standing.seed ^ u64::from(standing.attempts).wrapping_mul(0x9e37_79b9_7f4a_7c15)).rotate_left(17);
    let offset = if spread == 0 { 0 } else { drawn % (2 * spread + 1) };
    Duration::from_millis((u64::from(delay) * 1000 + offset).saturating_sub(spread))
}
