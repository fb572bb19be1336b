//! Guard.

use std::net::{IpAddr, SocketAddr};

use handbill::channel::target::guard::{Cidr, CidrError, Guard, Refusal, check_url};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn nets(texts: &[&str]) -> Vec<Cidr> {
    texts.iter().map(|text| Cidr::parse(text).unwrap()).collect()
}

/// Whether an https post may go to an address.
fn check(address: &str, allow: &[&str], is_admitted: bool) {
    let verdict = Guard::new(&nets(allow), false).admit(ip(address));
    assert_eq!(verdict.is_ok(), is_admitted, "{address} with {allow:?}: {verdict:?}");
}

fn check_refused(url: &str, allow: &[&str], expected: &str) {
    let error = check_url(url, &nets(allow)).expect_err(url);
    let shown = error.to_string();
    assert!(shown.contains(expected), "{url:?}: {shown}");
    assert!(!shown.contains("secretpath") && !format!("{error:?}").contains("secretpath"), "{shown}");
}

// (network, first address, last address, the addresses just outside that are public)
const NETWORKS: &[(&str, &str, &str, &[&str])] = &[
    ("0.0.0.0/8", "0.0.0.0", "0.255.255.255", &["1.0.0.0"]),
    ("10.0.0.0/8", "10.0.0.0", "10.255.255.255", &["9.255.255.255", "11.0.0.0"]),
    ("100.64.0.0/10", "100.64.0.0", "100.127.255.255", &["100.63.255.255", "100.128.0.0"]),
    ("127.0.0.0/8", "127.0.0.0", "127.255.255.255", &["126.255.255.255", "128.0.0.0"]),
    ("169.254.0.0/16", "169.254.0.0", "169.254.255.255", &["169.253.255.255", "169.255.0.0"]),
    ("172.16.0.0/12", "172.16.0.0", "172.31.255.255", &["172.15.255.255", "172.32.0.0"]),
    ("192.0.0.0/24", "192.0.0.0", "192.0.0.255", &["191.255.255.255", "192.0.1.0"]),
    ("192.0.2.0/24", "192.0.2.0", "192.0.2.255", &["192.0.1.255", "192.0.3.0"]),
    ("192.88.99.0/24", "192.88.99.0", "192.88.99.255", &["192.88.98.255", "192.88.100.0"]),
    ("192.168.0.0/16", "192.168.0.0", "192.168.255.255", &["192.167.255.255", "192.169.0.0"]),
    ("198.18.0.0/15", "198.18.0.0", "198.19.255.255", &["198.17.255.255", "198.20.0.0"]),
    ("198.51.100.0/24", "198.51.100.0", "198.51.100.255", &["198.51.99.255", "198.51.101.0"]),
    ("203.0.113.0/24", "203.0.113.0", "203.0.113.255", &["203.0.112.255", "203.0.114.0"]),
    ("224.0.0.0/4", "224.0.0.0", "239.255.255.255", &["223.255.255.255"]),
    ("240.0.0.0/4", "240.0.0.0", "255.255.255.255", &[]),
    ("::/8", "::", "ff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", &["101::"]),
    ("::/8", "64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", &[]),
    ("100::/64", "100::", "100::ffff:ffff:ffff:ffff", &["100:0:0:1::"]),
    (
        "2001::/23",
        "2001::",
        "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff",
        &["2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:200::"],
    ),
    (
        "2001:db8::/32",
        "2001:db8::",
        "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
        &["2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::"],
    ),
    (
        "2002::/16",
        "2002::",
        "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        &["2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2003::"],
    ),
    (
        "3fff::/20",
        "3fff::",
        "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff",
        &["3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff:1000::"],
    ),
    (
        "5f00::/16",
        "5f00::",
        "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        &["5eff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "5f01::"],
    ),
    (
        "fc00::/7",
        "fc00::",
        "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        &["fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fe00::"],
    ),
    (
        "fe80::/10",
        "fe80::",
        "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        &["fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
    ),
    ("fec0::/10", "fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", &[]),
    ("ff00::/8", "ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", &[]),
];

#[test]
fn every_network_that_is_not_public_is_refused_from_its_first_address_to_its_last() {
    for (network, first, last, outside) in NETWORKS {
        for address in [first, last] {
            let Err(Refusal::Forbidden { network: found, .. }) = Guard::new(&[], false).admit(ip(address))
            else {
                panic!("{address} was admitted");
            };
            assert_eq!(found.to_string(), *network, "{address}");
        }
        for address in *outside {
            check(address, &[], true);
        }
    }
}

#[test]
fn an_ipv6_form_of_an_ipv4_address_is_judged_as_ipv4() {
    check("::ffff:127.0.0.1", &[], false);
    check("::ffff:192.168.7.1", &[], false);
    check("::ffff:1.1.1.1", &[], true);
    check("64:ff9b::10.0.0.1", &[], false);
    check("64:ff9b::169.254.169.254", &[], false);
    check("64:ff9b::1.1.1.1", &[], true);
    check("::127.0.0.1", &[], false);
    check("64:ff9b::10.0.0.1", &["10.0.0.0/24"], true);
    check("::ffff:10.0.0.1", &["10.0.0.0/24"], true);
}

#[test]
fn allow_opens_exactly_its_networks() {
    check("10.1.0.0", &["10.1.0.0/16"], true);
    check("10.1.255.255", &["10.1.0.0/16"], true);
    check("10.0.255.255", &["10.1.0.0/16"], false);
    check("10.2.0.0", &["10.1.0.0/16"], false);
    check("fd12::1", &["fd12::/32"], true);
    check("fd13::1", &["fd12::/32"], false);
    check("127.0.0.1", &["127.0.0.1/32"], true);
    check("127.0.0.2", &["127.0.0.1/32"], false);
    check("::1", &["0.0.0.0/0"], false);
    check("127.0.0.1", &["::/0"], false);
}

#[test]
fn plain_http_goes_nowhere_but_to_the_allowed_networks() {
    let guard = Guard::new(&nets(&["10.1.0.0/16"]), true);
    assert_eq!(guard.admit(ip("10.1.2.3")), Ok(()));
    for address in ["1.1.1.1", "127.0.0.1", "2606:4700::1111"] {
        assert_eq!(guard.admit(ip(address)), Err(Refusal::Plain(ip(address))));
    }
}

#[test]
fn one_forbidden_address_of_a_name_is_enough_to_refuse_it() {
    let guard = Guard::new(&[], false);
    let all = |texts: &[&str]| {
        guard.admit_all(&texts.iter().map(|text| SocketAddr::new(ip(text), 0)).collect::<Vec<_>>())
    };
    assert_eq!(all(&["1.1.1.1", "2606:4700::1111"]), Ok(()));
    assert!(all(&["1.1.1.1", "10.0.0.1"]).is_err());
    assert!(all(&["fe80::1", "1.1.1.1"]).is_err());
    assert!(all(&["1.1.1.1", "::ffff:127.0.0.1", "1.0.0.1"]).is_err());
}

#[test]
fn an_address_written_in_any_way_is_refused_before_it_is_posted_to() {
    for host in [
        "127.0.0.1",
        "127.0.0.1.",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "017700000001",
        "127.1",
        "127.0.1",
        "0",
        "%31%32%37.0.0.1",
        "１２７.０.０.１",
        "127。0。0。1",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "[fe80::1]",
        "169.254.169.254",
        "0xa9fea9fe",
    ] {
        check_refused(&format!("https://{host}/secretpath"), &[], "not the public Internet");
        check_refused(&format!("https://{host}:8443/secretpath"), &["10.0.0.0/8"], "not the public Internet");
        check_refused(&format!("http://{host}/secretpath"), &["10.0.0.0/8"], "outside the target's `allow`");
    }
    check_url("https://0x7f.1/", &nets(&["127.0.0.0/8"])).unwrap();
    check_url("http://[::ffff:127.0.0.1]/", &nets(&["127.0.0.0/8"])).unwrap();
}

#[test]
fn a_url_with_a_user_a_control_character_or_another_scheme_is_refused() {
    check_refused("https://user@hooks.example.org/secretpath", &[], "user name or a password");
    check_refused("https://user:pw@hooks.example.org/secretpath", &[], "user name or a password");
    check_refused("https://:pw@hooks.example.org/secretpath", &[], "user name or a password");
    check_refused("https://hooks.example.org\\@127.0.0.1:1@x/secretpath\n", &[], "control character");
    for control in ["\r\n", "\n", "\t", "\0", "\u{7f}", "\u{85}"] {
        check_refused(&format!("https://hooks.exa{control}mple.org/secretpath"), &[], "control character");
        check_refused(&format!("https://hooks.example.org/secretpath{control}"), &[], "control character");
    }
    check_refused("http://hooks.example.org/secretpath", &[], "begins with http:");
    for scheme in ["ftp", "file", "gopher", "ws", "data"] {
        check_refused(&format!("{scheme}://hooks.example.org/secretpath"), &["0.0.0.0/0"], "only https:");
    }
    for text in
        ["", "/secretpath", "hooks.example.org/secretpath", "https://", "https://256.0.0.1/secretpath"]
    {
        check_refused(text, &[], "is not a URL");
    }
    check_url("https://hooks.example.org/secretpath?to=all", &[]).unwrap();
}

#[test]
fn a_network_is_written_with_its_first_address() {
    for text in ["10.1.0.0/16", "0.0.0.0/0", "127.0.0.1/32", "fd00::/8", "::1/128", "::/0"] {
        assert_eq!(Cidr::parse(text).unwrap().to_string(), text);
    }
    for text in [
        "",
        "10.1.0.0",
        "10.1/16",
        "10.1.0.0/33",
        "::/129",
        "10.1.0.0/+8",
        "10.1.0.0/",
        "10.1.0.0/1000",
        "a/8",
    ] {
        assert_eq!(Cidr::parse(text), Err(CidrError::Shape(text.to_owned())));
    }
    for text in ["10.1.2.3/16", "0.0.0.1/0", "fd00::1/64"] {
        assert_eq!(Cidr::parse(text), Err(CidrError::HostBits(text.to_owned())));
    }
    for text in ["::ffff:10.0.0.0/104", "64:ff9b::10.0.0.0/128"] {
        assert_eq!(Cidr::parse(text), Err(CidrError::Mapped(text.to_owned())));
    }
}
