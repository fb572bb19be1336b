//! Report: the machine's part of a bounce (RFC 3464) and of a complaint (RFC 5965).
//!
//! Pure.

use crate::returned::Said;
use crate::returned::status::{self, Class, Status};

/// What is said of one recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    // It failed, so.
    Failed(Class, Option<Status>),
    // Delayed, or taken by somebody: nothing is decided.
    Other,
}

/// What a text of fields says: `name: value`, in groups with empty lines between.
#[derive(Debug, Default)]
struct Group {
    fields: Vec<(String, String)>,
}

const MOST_GROUPS: usize = 100;
const MOST_FIELDS: usize = 100;

/// What a delivery status says (RFC 3464 §2); `None` when it speaks of no recipient.
///
/// Each of our mails has one recipient. When a report speaks of several, their address leads to several: what one of
/// them got, the address took, and of failures the mildest counts.
pub fn delivery_status(text: &str) -> Option<Said> {
    let actions: Vec<Action> = groups(text).iter().filter_map(Group::action).collect();
    let mut mildest = None;
    for action in actions {
        match action {
            Action::Other => return Some(Said::Underway),
            Action::Failed(class, status) => {
                if mildest.is_none_or(|(known, _)| class < known) {
                    mildest = Some((class, status));
                }
            }
        }
    }
    mildest.map(|(class, status)| Said::Bounced { class, status })
}

/// What a complaint says (RFC 5965 §3.1 and the registry of its types).
pub fn feedback(text: &str) -> Said {
    let groups = groups(text);
    let kind =
        groups.iter().find_map(|group| group.value("feedback-type")).unwrap_or("").to_ascii_lowercase();
    match kind.as_str() {
        "abuse" | "fraud" | "opt-out" | "opt-out-list" | "miscategorized" => Said::Complained,
        // A virus scanner, a failed signature (RFC 6591), "this is no spam": nothing a reader asked of us.
        _ => Said::Unknown,
    }
}

impl Group {
    fn value(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn action(&self) -> Option<Action> {
        let diagnostic = self.value("diagnostic-code").unwrap_or("");
        let status = self.value("status").and_then(Status::find);
        let failed = || {
            let (class, status) = judged(status, diagnostic);
            Action::Failed(class, status)
        };
        // RFC 3464 §2.3.3; a comment may follow the word.
        let word = self.value("action").unwrap_or("").split([' ', '\t', '(', ';']).next().unwrap_or("");
        match word.to_ascii_lowercase().as_str() {
            "failed" | "failure" => Some(failed()),
            "delayed" | "delivered" | "relayed" | "expanded" => Some(Action::Other),
            // Old hosts leave the action out.
            _ if status.is_some_and(|status| status.class == 5) => Some(failed()),
            _ => None,
        }
    }
}

// The host's own words are often more exact than the code that the relay made of them. Where both are exact and
// differ, the milder counts: some relays write 5.1.1 for every refusal.
fn judged(status: Option<Status>, diagnostic: &str) -> (Class, Option<Status>) {
    let theirs = Status::find(diagnostic);
    let exact = |status: &Option<Status>| status.is_some_and(|status| !status.is_vague());
    let known: Vec<Option<Status>> = [status, theirs].into_iter().filter(exact).collect();
    if known.is_empty() {
        let status = status.or(theirs);
        return (status::class(status, diagnostic), status);
    }
    let judged = known.into_iter().map(|status| (status::class(status, diagnostic), status));
    judged.min_by_key(|(class, _)| *class).unwrap_or((Class::Soft, status))
}

fn groups(text: &str) -> Vec<Group> {
    let mut groups = vec![Group::default()];
    for line in text.lines() {
        let Some(group) = groups.last_mut() else { break };
        if line.trim().is_empty() {
            if !group.fields.is_empty() {
                if groups.len() >= MOST_GROUPS {
                    break;
                }
                groups.push(Group::default());
            }
        } else if line.starts_with([' ', '\t']) {
            // A field goes on.
            if let Some((_, value)) = group.fields.last_mut() {
                value.push(' ');
                value.push_str(line.trim());
            }
        } else if let Some((name, value)) = line.split_once(':')
            && group.fields.len() < MOST_FIELDS
        {
            group.fields.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    groups
}
