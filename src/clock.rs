//! Clock: what time it is, for the loops; nothing below them asks.

use std::time::{Duration, Instant, SystemTime};

use chrono::{DateTime, TimeDelta, Utc};

/// The wall clock, or for the demo one that starts elsewhere and runs faster.
#[derive(Debug, Clone)]
pub struct Clock {
    fast: Option<Fast>,
}

#[derive(Debug, Clone, Copy)]
struct Fast {
    began: Instant,
    start: DateTime<Utc>,
    rate: u32,
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
        Self { fast: Some(Fast { began: Instant::now(), start, rate }) }
    }

    /// The time.
    pub fn now(&self) -> DateTime<Utc> {
        match self.fast {
            #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
            None => DateTime::from(SystemTime::now()),
            Some(fast) => fast.start + self.scaled(fast.began.elapsed()),
        }
    }

    /// How far the clock goes while `passed` passes.
    pub fn scaled(&self, passed: Duration) -> TimeDelta {
        let rate = self.fast.map_or(1, |fast| fast.rate);
        TimeDelta::from_std(passed * rate).unwrap_or(TimeDelta::MAX)
    }

    /// How long to wait for `at`, at most a slice: whoever waits looks again.
    pub fn until(&self, at: DateTime<Utc>) -> Duration {
        let ahead = (at - self.now()).to_std().unwrap_or_default();
        let rate = self.fast.map_or(1, |fast| fast.rate);
        (ahead / rate).min(SLICE)
    }
}
