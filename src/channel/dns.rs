//! Dns: what the world is told about our names.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_resolver::config::{NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, RecordType};
use hickory_resolver::{ResolverBuilder, TokioResolver};
use thiserror::Error;

/// What asks a name server. A name that has no such record is an empty list and no error.
#[derive(Clone)]
pub struct Resolver(TokioResolver);

/// No name server answered, or it refused to.
#[derive(Debug, Clone, Error)]
#[error("no name server answers for {name}: {why}")]
pub struct NoAnswer {
    /// What was asked for.
    pub name: String,
    /// What the resolver said.
    pub why: String,
}

// A person waits; a name server that is up answers within a second.
const TIMEOUT: Duration = Duration::from_secs(3);

impl Resolver {
    /// The name servers of this machine.
    pub fn system() -> Result<Self, NoAnswer> {
        let builder = TokioResolver::builder_tokio().map_err(|err| no_answer("this machine", &err))?;
        build(builder, "this machine")
    }

    /// The name server at an address alone.
    pub fn at(server: SocketAddr) -> Result<Self, NoAnswer> {
        let mut config = NameServerConfig::udp_and_tcp(server.ip());
        config.connections.iter_mut().for_each(|connection| connection.port = server.port());
        let config = ResolverConfig::from_name_servers(vec![config]);
        let builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        build(builder, &server.to_string())
    }

    /// TXT records, the strings of each joined with nothing between.
    pub async fn texts(&self, name: &str) -> Result<Vec<String>, NoAnswer> {
        let text = |data: &RData| {
            let RData::TXT(text) = data else { return None };
            Some(String::from_utf8_lossy(&text.txt_data.concat()).into_owned())
        };
        self.records(name, RecordType::TXT, text).await
    }

    /// A and AAAA records.
    pub async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, NoAnswer> {
        let v4 = |data: &RData| {
            let RData::A(address) = data else { return None };
            Some(IpAddr::V4(address.0))
        };
        let v6 = |data: &RData| {
            let RData::AAAA(address) = data else { return None };
            Some(IpAddr::V6(address.0))
        };
        let mut addresses = self.records(name, RecordType::A, v4).await?;
        addresses.extend(self.records(name, RecordType::AAAA, v6).await?);
        Ok(addresses)
    }

    /// The names of MX records, the preferred first; `.` says that no mail is taken (RFC 7505).
    pub async fn exchanges(&self, name: &str) -> Result<Vec<String>, NoAnswer> {
        let exchange = |data: &RData| {
            let RData::MX(exchange) = data else { return None };
            Some((exchange.preference, plain(&exchange.exchange.to_ascii())))
        };
        let mut exchanges = self.records(name, RecordType::MX, exchange).await?;
        exchanges.sort();
        Ok(exchanges.into_iter().map(|(_, name)| name).collect())
    }

    /// The names that an address is said to have: PTR records.
    pub async fn names(&self, address: IpAddr) -> Result<Vec<String>, NoAnswer> {
        let name = |data: &RData| {
            let RData::PTR(name) = data else { return None };
            Some(plain(&name.0.to_ascii()))
        };
        self.records(&reverse_name(address), RecordType::PTR, name).await
    }

    async fn records<T>(
        &self,
        name: &str,
        kind: RecordType,
        read: impl Fn(&RData) -> Option<T>,
    ) -> Result<Vec<T>, NoAnswer> {
        // With a dot at its end no domain of this machine is put behind it.
        match self.0.lookup(format!("{}.", name.trim_end_matches('.')), kind).await {
            Ok(found) => Ok(found.answers().iter().filter_map(|record| read(&record.data)).collect()),
            Err(err) if err.is_no_records_found() => Ok(Vec::new()),
            Err(err) => Err(no_answer(name, &err)),
        }
    }
}

// What this machine's own file of hosts says is not what others see.
fn build(mut builder: ResolverBuilder<TokioRuntimeProvider>, server: &str) -> Result<Resolver, NoAnswer> {
    let options = builder.options_mut();
    options.timeout = TIMEOUT;
    options.use_hosts_file = ResolveHosts::Never;
    builder.build().map(Resolver).map_err(|err| no_answer(server, &err))
}

fn no_answer(name: &str, err: &NetError) -> NoAnswer {
    NoAnswer { name: name.to_owned(), why: err.to_string() }
}

// Names are compared without the dot at their end and in lower case; the root stays a dot.
fn plain(name: &str) -> String {
    match name.trim_end_matches('.') {
        "" => ".".to_owned(),
        name => name.to_ascii_lowercase(),
    }
}

fn reverse_name(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(address) => {
            let digits = format!("{:032x}", address.to_bits());
            let labels: Vec<String> = digits.chars().rev().map(String::from).collect();
            format!("{}.ip6.arpa", labels.join("."))
        }
    }
}
