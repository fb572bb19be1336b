//! Guard: which addresses a post may go to.
//!
//! Pure, but for [`Resolver`]. A target's URL comes from outside; without a guard it could make this program post
//! to the machine's own services, or to a cloud's metadata address (server-side request forgery).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use thiserror::Error;
use url::{Host, Url};

/// Networks that are not the public Internet: the IANA registries of special-purpose addresses (RFC 6890),
/// multicast (RFC 5771, RFC 4291) and the retired 6to4 anycast and site-local ranges.
pub const FORBIDDEN: [Cidr; 27] = [
    Cidr::v4([0, 0, 0, 0], 8),
    Cidr::v4([10, 0, 0, 0], 8),
    Cidr::v4([100, 64, 0, 0], 10),
    Cidr::v4([127, 0, 0, 0], 8),
    Cidr::v4([169, 254, 0, 0], 16),
    Cidr::v4([172, 16, 0, 0], 12),
    Cidr::v4([192, 0, 0, 0], 24),
    Cidr::v4([192, 0, 2, 0], 24),
    Cidr::v4([192, 88, 99, 0], 24),
    Cidr::v4([192, 168, 0, 0], 16),
    Cidr::v4([198, 18, 0, 0], 15),
    Cidr::v4([198, 51, 100, 0], 24),
    Cidr::v4([203, 0, 113, 0], 24),
    Cidr::v4([224, 0, 0, 0], 4),
    Cidr::v4([240, 0, 0, 0], 4),
    Cidr::v6([0, 0, 0], 8),
    Cidr::v6([0x64, 0xff9b, 1], 48),
    Cidr::v6([0x100, 0, 0], 64),
    Cidr::v6([0x2001, 0, 0], 23),
    Cidr::v6([0x2001, 0xdb8, 0], 32),
    Cidr::v6([0x2002, 0, 0], 16),
    Cidr::v6([0x3fff, 0, 0], 20),
    Cidr::v6([0x5f00, 0, 0], 16),
    Cidr::v6([0xfc00, 0, 0], 7),
    Cidr::v6([0xfe80, 0, 0], 10),
    Cidr::v6([0xfec0, 0, 0], 10),
    Cidr::v6([0xff00, 0, 0], 8),
];

/// Addresses that stand for an IPv4 address behind a NAT64 (RFC 6052): judged by that address.
const NAT64: Cidr = Cidr::v6([0x64, 0xff9b, 0], 96);

/// A network: `10.1.0.0/16`, `fd00::/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cidr {
    network: IpAddr,
    prefix: u8,
}

/// Why a text is not a network.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CidrError {
    /// No slash, no address, or a prefix that the address is too short for.
    #[error("`{0}` is not a network, write one like 10.1.0.0/16 or fd00::/8")]
    Shape(String),
    /// The address has bits after its prefix: one of the two is a slip.
    #[error("`{0}` has bits after its prefix, write the first address of the network")]
    HostBits(String),
    /// An IPv4 network in IPv6 clothes; addresses are compared as IPv4.
    #[error("`{0}` is an IPv4 network written as IPv6, write it as IPv4")]
    Mapped(String),
}

impl Cidr {
    /// Reads an address, a slash and the number of bits that count.
    pub fn parse(text: &str) -> Result<Self, CidrError> {
        let shape = || CidrError::Shape(text.to_owned());
        let (address, prefix) = text.split_once('/').ok_or_else(shape)?;
        let network: IpAddr = address.parse().map_err(|_| shape())?;
        let is_number = prefix.bytes().all(|byte| byte.is_ascii_digit());
        let prefix: u8 = prefix.parse().ok().filter(|_| is_number).ok_or_else(shape)?;
        if u32::from(prefix) > width(network) {
            return Err(shape());
        }
        if judged_as(network) != network {
            return Err(CidrError::Mapped(text.to_owned()));
        }
        if bits(network).checked_shl(u32::from(prefix)).unwrap_or(0) != 0 {
            return Err(CidrError::HostBits(text.to_owned()));
        }
        Ok(Self { network, prefix })
    }

    /// Whether an address is in the network; an IPv6 form of an IPv4 address is taken as the IPv4 address.
    pub fn contains(self, address: IpAddr) -> bool {
        let address = judged_as(address);
        address.is_ipv4() == self.network.is_ipv4() && self.shares_prefix(address)
    }

    const fn v4(octets: [u8; 4], prefix: u8) -> Self {
        let [a, b, c, d] = octets;
        Self { network: IpAddr::V4(Ipv4Addr::new(a, b, c, d)), prefix }
    }

    const fn v6(segments: [u16; 3], prefix: u8) -> Self {
        let [a, b, c] = segments;
        Self { network: IpAddr::V6(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0)), prefix }
    }

    fn shares_prefix(self, address: IpAddr) -> bool {
        (bits(self.network) ^ bits(address)).leading_zeros() >= u32::from(self.prefix)
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}

/// Why a URL cannot be a target's, or an address not be posted to. No variant carries the URL: its path is
/// often the password.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The URL parser would drop a line break in silence.
    #[error("the target's URL holds a control character, remove it")]
    Control,
    /// Not an absolute URL.
    #[error("the target's URL is not a URL: {0}")]
    NotUrl(#[from] url::ParseError),
    /// A name or a password before the host.
    #[error("the target's URL holds a user name or a password, remove it")]
    UserInfo,
    /// Not `https`, or `http` without an allowed network.
    #[error("the target's URL begins with {0}:, only https: is posted to (and http: within its `allow`)")]
    Scheme(String),
    /// A network that is not the public Internet.
    #[error(
        "{address} is in {network}, which is not the public Internet; put its network in `allow` if it is yours"
    )]
    Forbidden {
        /// The address as it was found.
        address: IpAddr,
        /// The network that it is in.
        network: Cidr,
    },
    /// Plain HTTP would go over networks that the operator did not name.
    #[error("{0} is outside the target's `allow`, plain http: goes no further; write https:")]
    Plain(IpAddr),
    /// The connection did not say where it went.
    #[error("the answer came from an address that could not be told, so it was not believed")]
    Unknown,
    /// Nothing would prove where a post comes from.
    #[error("the target has no signing secret, add one")]
    NoSecret,
}

/// Where the posts of some targets may go. Targets that are alike in this share one client.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Guard {
    allow: Vec<Cidr>,
    plain: bool,
}

impl Guard {
    /// A guard for one scheme: `plain` for `http`, which is confined to the networks of `allow`.
    pub fn new(allow: &[Cidr], plain: bool) -> Self {
        let mut allow = allow.to_vec();
        allow.sort_unstable();
        allow.dedup();
        Self { allow, plain }
    }

    /// Whether it is for plain HTTP.
    pub fn is_plain(&self) -> bool {
        self.plain
    }

    /// Lets an address pass, or says why not.
    pub fn admit(&self, address: IpAddr) -> Result<(), Refusal> {
        if self.allow.iter().any(|network| network.contains(address)) {
            return Ok(());
        }
        if self.plain {
            return Err(Refusal::Plain(address));
        }
        match FORBIDDEN.into_iter().find(|network| network.contains(address)) {
            Some(network) => Err(Refusal::Forbidden { address, network }),
            None => Ok(()),
        }
    }

    /// Lets a name's addresses pass when every one may.
    ///
    /// One is enough to refuse: a name with a public and a private address is how a guard that filters is got
    /// around, the connection then falls back from the one to the other.
    pub fn admit_all(&self, addresses: &[SocketAddr]) -> Result<(), Refusal> {
        addresses.iter().try_for_each(|address| self.admit(address.ip()))
    }
}

/// Reads a target's URL and the guard for it; refuses at once what no resolver would be asked about.
pub fn check_url(text: &str, allow: &[Cidr]) -> Result<(Url, Guard), Refusal> {
    if text.chars().any(char::is_control) {
        return Err(Refusal::Control);
    }
    let url = Url::parse(text)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Refusal::UserInfo);
    }
    let guard = Guard::new(allow, url.scheme() == "http");
    let is_web = url.scheme() == "https" || (guard.plain && !allow.is_empty());
    if !is_web {
        return Err(Refusal::Scheme(url.scheme().to_owned()));
    }
    // The resolver is never called for these, and `0x7f.1`, `0177.0.0.1` or `2130706433` are among them.
    match url.host() {
        Some(Host::Ipv4(address)) => guard.admit(address.into())?,
        Some(Host::Ipv6(address)) => guard.admit(address.into())?,
        Some(Host::Domain(_)) | None => {}
    }
    Ok((url, guard))
}

/// The system's resolver behind a guard. The connection goes to the very addresses that were judged, so that a
/// name cannot have other ones a moment later.
pub struct Resolver {
    guard: Arc<Guard>,
}

impl Resolver {
    /// A resolver that answers with what the guard lets pass.
    pub fn new(guard: Guard) -> Self {
        Self { guard: Arc::new(guard) }
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = Arc::clone(&self.guard);
        Box::pin(async move {
            // Port 0 stands for the URL's own port.
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            guard.admit_all(&found)?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

fn judged_as(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) if NAT64.shares_prefix(address) => {
            let [.., a, b, c, d] = v6.octets();
            Ipv4Addr::new(a, b, c, d).into()
        }
        canonical @ (IpAddr::V4(_) | IpAddr::V6(_)) => canonical,
    }
}

// Left-aligned, so that a prefix counts from the top for both families.
fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()) << 96,
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

fn width(address: IpAddr) -> u32 {
    match address {
        IpAddr::V4(_) => Ipv4Addr::BITS,
        IpAddr::V6(_) => Ipv6Addr::BITS,
    }
}
