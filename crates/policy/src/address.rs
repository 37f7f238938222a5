//! Tells public addresses and host names from those inside somebody's network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// True for an address that anybody on the Internet may have: not private, local, reserved, or a way around that.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_broadcast()
        || address.is_documentation()
        || address.is_multicast()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19))
        // Azure's platform address is public by number and internal by use.
        || address.octets() == [168, 63, 129, 16])
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(inner) = embedded_v4(address) {
        return is_public_v4(inner);
    }
    // Tunnels through relays that anybody may run.
    if matches!(address.segments(), [0x2002, ..] | [0x2001, 0, ..]) {
        return false;
    }
    let [first, second, ..] = address.segments();
    // Global unicast is 2000::/3; documentation, benchmarking and ORCHID lie inside it.
    (0x2000..0x4000).contains(&first)
        && !(first == 0x2001 && (second == 0xdb8 || second < 0x200))
        && !(first == 0x3fff && second < 0x1000)
}

/// Returns the IPv4 address inside a mapped, compatible, NAT64 or ISATAP address.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let from = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Some(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => from(high, low),
        [0x64, 0xff9b, 1, ..] => Some(Ipv4Addr::LOCALHOST),
        // ISATAP carries its address behind a fixed mark, below any prefix.
        [.., 0 | 0x200, 0x5efe, high, low] => from(high, low),
        _ => None,
    }
}

/// Endings of names that never lead to the public Internet.
const INTERNAL_ENDINGS: [&str; 24] = [
    "localhost",
    "local",
    "internal",
    "lan",
    "home",
    "corp",
    "intranet",
    "private",
    "arpa",
    "localdomain",
    "test",
    "invalid",
    "onion",
    "consul",
    "svc",
    "cluster",
    "localnet",
    "intra",
    "workgroup",
    "docker",
    "alt",
    "i2p",
    // Routers and desktops give these out to the machines behind them.
    "fritz.box",
    "mshome.net",
];
/// Services that answer with the address that the name spells out.
const ADDRESS_IN_NAME: [&str; 17] = [
    "nip.io",
    "sslip.io",
    "xip.io",
    "lvh.me",
    "localtest.me",
    "vcap.me",
    "lacolhost.com",
    "traefik.me",
    "localho.st",
    "local.gd",
    "backname.io",
    "fuf.me",
    "ulh.us",
    "smackaho.st",
    "1u.ms",
    "rbndr.us",
    "127-0-0-1.org.uk",
];

/// True for a host name that leads inside: `localhost`, `metadata.google.internal`, names without a dot.
pub fn is_internal_name(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    if host.is_empty() || !host.contains('.') {
        return true;
    }
    let ends_in =
        |ending: &&str| host.strip_suffix(*ending).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    INTERNAL_ENDINGS.iter().any(ends_in) || ADDRESS_IN_NAME.iter().any(ends_in)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_local_and_wrapped_addresses_are_not_public() {
        for text in [
            "127.0.0.1",
            "10.1.2.3",
            "172.31.0.1",
            "192.168.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "192.0.0.8",
            "168.63.129.16",
            "::1",
            "::",
            "::ffff:127.0.0.1",
            "fe80::1",
            "fd00::1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:0:4136:e378:8000:63bf:80ff:fffe",
            "2002:808:808::1",
            "2001:0:808:808:0:fb:f7f7:f7f7",
            "2001:db8::1",
            "ff02::1",
            "::127.0.0.1",
            "2001:470:1f0b:1::5efe:10.0.0.1",
            "2a00:1450:4001:81b:200:5efe:7f00:1",
        ] {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
        for text in [
            "1.1.1.1",
            "93.184.215.14",
            "2606:4700:4700::1111",
            "172.32.0.1",
            "100.128.0.1",
            "::ffff:8.8.8.8",
        ] {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn internal_names_are_told_from_public_ones() {
        for name in [
            "localhost",
            "LOCALHOST.",
            "metadata.google.internal",
            "printer",
            "nas.local",
            "127.0.0.1.nip.io",
            "nas.fritz.box",
            "PC.mshome.net",
            "a.127-0-0-1.org.uk",
            "app.traefik.me.",
            "7f000001.c0a80001.rbndr.us",
            "gateway.docker",
        ] {
            assert!(is_internal_name(name), "{name}");
        }
        for name in [
            "huggingface.co",
            "local.example.com",
            "internal-tools.example",
            "box.example.net",
            "notfritz.box.example.com",
        ] {
            assert!(!is_internal_name(name), "{name}");
        }
    }
}
