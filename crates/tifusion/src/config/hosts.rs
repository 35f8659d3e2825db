//! `host_mapping`: the addresses by which a cluster is reached from outside its network.

use std::fmt;
use std::net::Ipv6Addr;

/// From hosts as the cluster knows them to hosts as this program reaches them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HostMapping {
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    inner: Place,
    outer: Place,
}

/// A host, and a port if one was given.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    host: String,
    port: Option<u16>,
}

impl HostMapping {
    /// Reads `inner:outer;inner:outer`, each a host or `host:port`, an IPv6 address in brackets.
    ///
    /// # Errors
    /// The first entry that is none, or contradicts an earlier one.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut entries: Vec<Entry> = Vec::new();
        for word in text.split(';').map(str::trim).filter(|word| !word.is_empty()) {
            let entry = Entry::parse(word).ok_or_else(|| word.to_owned())?;
            match entries.iter().find(|earlier| earlier.inner == entry.inner) {
                Some(earlier) if *earlier == entry => {}
                Some(_) => return Err(word.to_owned()),
                None => entries.push(entry),
            }
        }
        Ok(Self { entries })
    }

    /// Whether there is nothing to map.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The `host:port` to dial for one that the cluster knows, if it is another. An entry with the port goes
    /// before one without; a port that is not given stays.
    #[must_use]
    pub fn map(&self, address: &str) -> Option<String> {
        let parts = tokens(address)?;
        let [host, port] = parts.as_slice() else { return None };
        let (host, port) = (canonical(host)?, port.parse::<u16>().ok()?);
        let of_host = || self.entries.iter().filter(|entry| entry.inner.host == host);
        let entry = of_host()
            .find(|entry| entry.inner.port == Some(port))
            .or_else(|| of_host().find(|entry| entry.inner.port.is_none()))?;
        let port = entry.outer.port.unwrap_or(port);
        Some(Place { host: entry.outer.host.clone(), port: Some(port) }.to_string())
    }
}

impl Entry {
    fn parse(word: &str) -> Option<Self> {
        let parts = tokens(word)?;
        let (inner, outer) = match parts.as_slice() {
            [inner, outer] => ((*inner, None), (*outer, None)),
            [inner, second, third] => match (is_number(second), is_number(third)) {
                (true, false) => ((*inner, Some(*second)), (*third, None)),
                (false, true) => ((*inner, None), (*second, Some(*third))),
                _ => return None,
            },
            [inner, port, outer, outer_port] => {
                ((*inner, Some(*port)), (*outer, Some(*outer_port)))
            }
            _ => return None,
        };
        let place = |(host, port): (&str, Option<&str>)| {
            let port = match port {
                Some(port) => Some(port.parse::<u16>().ok().filter(|port| *port > 0)?),
                None => None,
            };
            Some(Place { host: canonical(host)?, port })
        };
        Some(Self { inner: place(inner)?, outer: place(outer)? })
    }
}

fn is_number(token: &str) -> bool {
    token.bytes().all(|byte| byte.is_ascii_digit())
}

/// What stands between colons; those in brackets part nothing.
fn tokens(word: &str) -> Option<Vec<&str>> {
    let (mut tokens, mut rest) = (Vec::new(), word);
    loop {
        let end = match rest.strip_prefix('[') {
            Some(inside) => inside.find(']')?.checked_add(2)?,
            None => rest.find(':').unwrap_or(rest.len()),
        };
        let (token, after) = rest.split_at_checked(end)?;
        tokens.push(token.trim());
        if after.is_empty() {
            return Some(tokens);
        }
        rest = after.strip_prefix(':')?;
    }
}

/// A host in the one spelling in which hosts are compared.
fn canonical(host: &str) -> Option<String> {
    if let Some(inside) = host.strip_prefix('[') {
        let address: Ipv6Addr = inside.strip_suffix(']')?.parse().ok()?;
        return Some(format!("[{address}]"));
    }
    let plain = !host.is_empty() && !host.contains(['/', '@', ' ', '?', '#', '[', ']', ',']);
    plain.then(|| host.to_ascii_lowercase())
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.host),
            None => f.write_str(&self.host),
        }
    }
}

impl fmt::Display for HostMapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Entry { inner, outer }) in self.entries.iter().enumerate() {
            let comma = if index == 0 { "" } else { ";" };
            write!(f, "{comma}{inner}:{outer}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hosts_are_mapped_with_and_without_ports() {
        let text = "10.0.0.1:gateway.example.com; 10.0.0.2:20160:1.2.3.4:7 ;tikv-3:20160:out;tikv-3:else:9;\
                    [fd00::1]:[2001:db8::1];[fd00::2]:1:[::1]:2; PD-0:1.2.3.5";
        let map = HostMapping::parse(text).unwrap();
        for (inner, outer) in [
            ("10.0.0.1:20160", Some("gateway.example.com:20160")),
            ("10.0.0.2:20160", Some("1.2.3.4:7")),
            ("10.0.0.2:20161", None),
            ("tikv-3:20160", Some("out:20160")),
            ("tikv-3:2", Some("else:9")),
            ("[fd00:0::1]:20160", Some("[2001:db8::1]:20160")),
            ("[fd00::2]:1", Some("[::1]:2")),
            ("pd-0:2379", Some("1.2.3.5:2379")),
            ("other:1", None),
            ("no address", None),
            ("", None),
        ] {
            assert_eq!(map.map(inner).as_deref(), outer, "{inner}");
        }
        assert_eq!(HostMapping::parse(&map.to_string()), Ok(map));
        assert!(HostMapping::parse(" ; ").unwrap().is_empty());
    }

    #[test]
    fn what_is_no_entry_is_named() {
        for bad in [
            "a",
            "a:",
            ":b",
            "a:b:c",
            "a:1:2",
            "a:1:b:c",
            "a:1:b:0",
            "a:70000:b:1",
            "a:b:c:d:e",
            "::1:b",
            "[::1:b",
            "[x]:b",
            "[::1]b:c",
            "http://a:b",
            "u@a:b",
            "a:c",
        ] {
            let told = HostMapping::parse(&format!("a:b;{bad};c:d")).unwrap_err();
            assert_eq!(told, bad);
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[a\\[\\]:;.0-9 é]{0,20}") {
            if let Ok(map) = HostMapping::parse(&text) {
                drop(map.map(&text));
                prop_assert_eq!(HostMapping::parse(&map.to_string()), Ok(map));
            }
        }
    }
}
