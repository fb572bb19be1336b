//! Bucket: how many messages one target or one mail domain takes in a minute.
//!
//! Pure.

use std::num::{NonZeroU16, NonZeroU32};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

const MINUTE_NANOSECONDS: i64 = 60_000_000_000;

/// A token bucket: `burst` tokens at once, then `rate` a minute, evenly spaced.
///
/// It is kept as one instant, the one at which it will be full again (the generic cell rate algorithm,
/// ITU-T I.371), so that nothing has to be refilled and no rounding adds up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenBucket {
    interval: TimeDelta,
    capacity: TimeDelta,
    full_at: DateTime<Utc>,
}

impl TokenBucket {
    /// A full bucket.
    pub fn new(rate_per_minute: NonZeroU32, burst: NonZeroU16, now: DateTime<Utc>) -> Self {
        let interval = TimeDelta::nanoseconds(MINUTE_NANOSECONDS / i64::from(rate_per_minute.get()));
        Self { interval, capacity: interval * i32::from(burst.get()), full_at: now }
    }

    /// Takes one token, or says how long to wait for it; who waits takes nothing.
    pub fn take(&mut self, now: DateTime<Utc>) -> Result<(), Duration> {
        // The upper bound matters only after the clock was set back: an empty bucket is the worst there is.
        // It is kept, so that who then waits as told finds a token.
        self.full_at = self.full_at.clamp(now, now + self.capacity);
        let wait = self.full_at + self.interval - (now + self.capacity);
        if wait > TimeDelta::zero() {
            return Err(wait.to_std().unwrap_or_default());
        }
        self.full_at += self.interval;
        Ok(())
    }
}
