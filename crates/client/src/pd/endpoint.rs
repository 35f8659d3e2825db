//! PD's addresses as people and PD itself write them. Pure.

use crate::error::{ClientError, ErrorKind, Result};

/// `host:port` of a PD URL, and whether it asks for TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PdUrl {
    pub(super) address: String,
    pub(super) secure: bool,
}

/// Reads `host:port`, `http://host:port` or `https://host:port`.
pub(super) fn parse(url: &str) -> Result<PdUrl> {
    let text = url.trim();
    let (secure, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
        (Some(rest), _) => (true, rest),
        (_, Some(rest)) => (false, rest),
        _ => (false, text),
    };
    let address = rest.trim_end_matches('/');
    let valid = address.rsplit_once(':').is_some_and(|(host, port)| {
        let bare = host.starts_with('[') && host.ends_with(']') || !host.contains(':');
        let plain = !host.is_empty() && !host.contains(['/', '@', ' ', '?', '#']);
        bare && plain && port.parse::<u16>().is_ok_and(|port| port != 0)
    });
    if !valid {
        return Err(ClientError::new(
            ErrorKind::InvalidInput,
            format!("{url:?} is not a PD address: write host:port"),
        ));
    }
    Ok(PdUrl { address: address.to_owned(), secure })
}

/// Reads the endpoints of the options.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] for none, a malformed one, and for `https` when TLS is not set up.
pub(super) fn parse_all(urls: &[String], tls: bool) -> Result<Vec<String>> {
    let mut addresses = Vec::new();
    for url in urls {
        let PdUrl { address, secure } = parse(url)?;
        if secure && !tls {
            return Err(ClientError::new(
                ErrorKind::InvalidInput,
                format!("{url} asks for TLS, which is not set up: see tikv.tls_enable"),
            ));
        }
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() {
        return Err(ClientError::new(ErrorKind::InvalidInput, "no PD address is given"));
    }
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_spellings_are_read() {
        for (url, address, secure) in [
            ("127.0.0.1:2379", "127.0.0.1:2379", false),
            (" http://pd-0.pd:2379/ ", "pd-0.pd:2379", false),
            ("https://[::1]:2379", "[::1]:2379", true),
        ] {
            assert_eq!(parse(url).unwrap(), PdUrl { address: address.to_owned(), secure });
        }
    }

    #[test]
    fn what_is_no_address_is_refused_by_name() {
        for url in
            ["", "pd", "pd:", ":2379", "pd:0", "pd:99999", "http://", "a/b:1", "::1:2379", "u@h:1"]
        {
            let error = parse(url).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(error.to_string().contains(&format!("{url:?}")), "{error}");
        }
    }

    #[test]
    fn endpoints_are_deduplicated_and_must_fit_tls() {
        let urls = |urls: &[&str]| urls.iter().map(|url| (*url).to_owned()).collect::<Vec<_>>();
        assert_eq!(parse_all(&urls(&["a:1", "http://a:1", "b:1"]), false).unwrap(), ["a:1", "b:1"]);
        assert_eq!(parse_all(&urls(&["https://a:1", "b:1"]), true).unwrap(), ["a:1", "b:1"]);
        assert!(parse_all(&urls(&["https://a:1"]), false).is_err());
        assert!(parse_all(&[], false).is_err());
    }
}
