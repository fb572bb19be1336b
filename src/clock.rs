//! Clock: what time it is, for the loops; nothing below them asks.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use chrono::{DateTime, TimeDelta, Utc};

/// The wall clock, or for the demo one that starts elsewhere and runs faster. Clones show the same time, and notice
/// together when it jumps.
#[derive(Debug, Clone)]
pub struct Clock {
    fast: Option<Arc<Fast>>,
    seen: Arc<Mutex<Seen>>,
}

/// A wall clock that went further than time did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Jump {
    /// What it should have shown.
    pub from: DateTime<Utc>,
    /// What it showed.
    pub to: DateTime<Utc>,
}

// The wall clock against the monotonic one, when it was last asked, and the jump that was noticed then or before.
#[derive(Debug, Default)]
struct Seen {
    last: Option<(Instant, DateTime<Utc>)>,
    jump: Option<Jump>,
}

#[derive(Debug)]
struct Fast {
    rate: u32,
    gear: Mutex<Gear>,
}

// Fast until `fast_until`, then as fast as the machine's clock.
#[derive(Debug, Clone, Copy)]
struct Gear {
    since: Instant,
    start: DateTime<Utc>,
    fast_until: DateTime<Utc>,
}

// A waiting loop looks at the wall clock at least so often: it may have been set.
const SLICE: Duration = Duration::from_secs(30);

// A wall clock that gains so much on the monotonic one was set, not late.
const MOST_FORWARDS: TimeDelta = TimeDelta::hours(3);

impl Clock {
    /// The machine's.
    pub fn wall() -> Self {
        Self { fast: None, seen: Arc::default() }
    }

    /// One that shows `start` now and goes `rate` times as fast.
    pub fn fast(start: DateTime<Utc>, rate: u32) -> Self {
        let gear = Gear { since: Instant::now(), start, fast_until: DateTime::<Utc>::MAX_UTC };
        Self { fast: Some(Arc::new(Fast { rate, gear: Mutex::new(gear) })), seen: Arc::default() }
    }

    /// Shows `at` from now on, as the machine's does when somebody sets it, which this one leaves to them.
    pub fn set(&self, at: DateTime<Utc>) {
        let Some(fast) = &self.fast else { return };
        let mut gear = fast.gear.lock().unwrap_or_else(PoisonError::into_inner);
        *gear = Gear { since: Instant::now(), start: at, ..*gear };
    }

    /// Goes fast until it shows `at`, and from there on at the pace of the machine's clock: what is due then has
    /// as much time as it would have, however slow the machine. The machine's own clock does so always.
    pub fn slow_from(&self, at: DateTime<Utc>) {
        let Some(fast) = &self.fast else { return };
        let mut gear = fast.gear.lock().unwrap_or_else(PoisonError::into_inner);
        let since = Instant::now();
        *gear = Gear { since, start: gear.shows(fast.rate, since), fast_until: at };
    }

    /// The time. Whoever acts by it asks afterwards whether it has jumped.
    pub fn now(&self) -> DateTime<Utc> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        // The monotonic clock first, and below once more: what comes between the two can then hide a jump but never
        // feign one.
        let monotonic = Instant::now();
        let wall = self.read();
        if let Some((before, was)) = seen.last.replace((monotonic, wall)) {
            let gained = wall - was - self.scaled(before.elapsed());
            if gained > MOST_FORWARDS {
                seen.jump = Some(Jump { from: wall - gained, to: wall });
            }
        }
        wall
    }

    /// The jump that was noticed and not yet settled.
    pub fn jump(&self) -> Option<Jump> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).jump
    }

    /// Forgets a jump that is written down; another one stays.
    pub fn settle(&self, jump: Jump) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.jump = seen.jump.filter(|noticed| *noticed != jump);
    }

    fn read(&self) -> DateTime<Utc> {
        match &self.fast {
            #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
            None => DateTime::from(SystemTime::now()),
            Some(fast) => {
                let gear = fast.gear.lock().unwrap_or_else(PoisonError::into_inner);
                gear.shows(fast.rate, Instant::now())
            }
        }
    }

    /// How far it is ahead of another that shows `at`; none when it goes faster and has nothing to do with it.
    pub fn ahead_of(&self, at: DateTime<Utc>) -> Option<TimeDelta> {
        let is_as_fast = self.fast.as_ref().is_none_or(|fast| fast.rate == 1);
        is_as_fast.then(|| self.now() - at)
    }

    /// How far the clock goes at most while `passed` passes.
    pub fn scaled(&self, passed: Duration) -> TimeDelta {
        let rate = self.fast.as_ref().map_or(1, |fast| fast.rate);
        TimeDelta::from_std(passed * rate).unwrap_or(TimeDelta::MAX)
    }

    /// How long to wait for `at`, at most a slice: whoever waits looks again.
    pub fn until(&self, at: DateTime<Utc>) -> Duration {
        let ahead = (at - self.now()).to_std().unwrap_or_default();
        let rate = self.fast.as_ref().map_or(1, |fast| fast.rate);
        (ahead / rate).min(SLICE)
    }
}

impl Gear {
    fn shows(&self, rate: u32, now: Instant) -> DateTime<Utc> {
        let passed = now.saturating_duration_since(self.since);
        let fast = (self.fast_until - self.start).to_std().unwrap_or_default() / rate;
        let went = if passed <= fast { passed * rate } else { fast * rate + (passed - fast) };
        self.start + TimeDelta::from_std(went).unwrap_or(TimeDelta::MAX)
    }
}
