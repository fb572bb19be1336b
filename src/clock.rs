//! Clock: what time it is, for the loops; nothing below them asks.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use chrono::{DateTime, TimeDelta, Utc};

/// The wall clock, or for the demo one that starts elsewhere and runs faster. Clones show the same time.
#[derive(Debug, Clone)]
pub struct Clock {
    fast: Option<Arc<Fast>>,
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

impl Clock {
    /// The machine's.
    pub fn wall() -> Self {
        Self { fast: None }
    }

    /// One that shows `start` now and goes `rate` times as fast.
    pub fn fast(start: DateTime<Utc>, rate: u32) -> Self {
        let gear = Gear { since: Instant::now(), start, fast_until: DateTime::<Utc>::MAX_UTC };
        Self { fast: Some(Arc::new(Fast { rate, gear: Mutex::new(gear) })) }
    }

    /// Goes fast until it shows `at`, and from there on at the pace of the machine's clock: what is due then has
    /// as much time as it would have, however slow the machine. The machine's own clock does so always.
    pub fn slow_from(&self, at: DateTime<Utc>) {
        let Some(fast) = &self.fast else { return };
        let mut gear = fast.gear.lock().unwrap_or_else(PoisonError::into_inner);
        let since = Instant::now();
        *gear = Gear { since, start: gear.shows(fast.rate, since), fast_until: at };
    }

    /// The time.
    pub fn now(&self) -> DateTime<Utc> {
        match &self.fast {
            #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
            None => DateTime::from(SystemTime::now()),
            Some(fast) => {
                let gear = fast.gear.lock().unwrap_or_else(PoisonError::into_inner);
                gear.shows(fast.rate, Instant::now())
            }
        }
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
