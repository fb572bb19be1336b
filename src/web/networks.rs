//! Networks: how often each network may ask, counted in memory and forgotten every hour.
//!
//! No address is kept: a network is the keyed hash of an IPv4 /24 or an IPv6 /48, and the key is drawn anew with
//! each hour, so that not even this process can say whether two hours saw the same one.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::HeaderMap;
use chrono::{DateTime, Utc};

/// The counts of this hour.
#[derive(Debug)]
pub struct Networks {
    most: u32,
    hour: Mutex<Hour>,
}

#[derive(Debug, Default)]
struct Hour {
    // Whole hours since 1970.
    number: i64,
    key: RandomState,
    counts: HashMap<u64, u32>,
}

// 100,000 entries are about 2 MB. When so many networks ask within an hour it is the caps of the ledger that hold.
const MOST_NETWORKS: usize = 100_000;

impl Networks {
    /// `most` requests an hour from one network.
    pub fn new(most: u32) -> Self {
        Self { most, hour: Mutex::default() }
    }

    /// Counts a request; an error says how long to wait.
    pub fn take(&self, address: IpAddr, now: DateTime<Utc>) -> Result<(), Duration> {
        let number = now.timestamp().div_euclid(3_600);
        let mut hour = self.hour.lock().unwrap_or_else(PoisonError::into_inner);
        if hour.number != number || hour.counts.len() >= MOST_NETWORKS {
            *hour = Hour { number, ..Hour::default() };
        }
        let network = hour.key.hash_one(network(address));
        let count = hour.counts.entry(network).or_default();
        if *count >= self.most {
            let ends = (number + 1) * 3_600 - now.timestamp();
            return Err(Duration::from_secs(u64::try_from(ends).unwrap_or(1).max(1)));
        }
        *count += 1;
        Ok(())
    }
}

/// Who asks: the peer, or what a trusted proxy says of them. None when the proxy does not say: then all would be
/// one network, and the caps of the ledger hold alone.
pub fn visitor(peer: SocketAddr, headers: &HeaderMap, proxies: &[IpAddr]) -> Option<IpAddr> {
    let peer = peer.ip().to_canonical();
    if !proxies.contains(&peer) {
        return Some(peer);
    }
    // The last one that is no proxy of ours: those before it are whatever the visitor wrote.
    headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|part| part.trim().parse::<IpAddr>().ok())
        .map(|address| address.to_canonical())
        .rfind(|address| !proxies.contains(address))
}

// What one household, hall or host has to itself.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            Ipv4Addr::new(a, b, c, 0).into()
        }
        IpAddr::V6(address) => {
            let [a, b, c, ..] = address.segments();
            Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0).into()
        }
    }
}
