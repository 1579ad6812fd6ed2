//! The address of a TCP peer, checked while the program is built.

/// What is wrong with `address`, and how to put it right; `None` when it is a host and a port.
///
/// Whether the host exists is not asked: it may come up later, and the receiver tries for ever.
pub(crate) fn problem(address: &str) -> Option<String> {
    let Some((host, port)) = address.rsplit_once(':') else {
        return Some(format!("the address {address:?} has no port; write it as host:port, such as localhost:9999"));
    };
    if host.is_empty() {
        return Some(format!("the address {address:?} has no host; write it as host:port, such as localhost:{port}"));
    }
    if host.contains(':') && !(host.starts_with('[') && host.ends_with(']')) {
        return Some(format!(
            "the address {address:?} is ambiguous; put an IPv6 address in brackets, such as [::1]:9999"
        ));
    }
    match port.parse::<u16>() {
        Ok(1..) => None,
        _ => Some(format!("the port {port:?} of the address {address:?} is not a number from 1 to 65535")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_and_port_are_an_address() {
        for address in ["localhost:9999", "127.0.0.1:1", "[::1]:65535", "text.example.org:80"] {
            assert_eq!(problem(address), None);
        }
    }

    #[test]
    fn everything_else_is_named_with_what_is_wrong() {
        for (address, expected) in [
            ("localhost", "has no port"),
            ("", "has no port"),
            (":9999", "has no host"),
            ("::1:9999", "brackets"),
            ("localhost:", "the port \"\""),
            ("localhost:http", "the port \"http\""),
            ("localhost:0", "the port \"0\""),
            ("localhost:65536", "the port \"65536\""),
            ("localhost:-1", "the port \"-1\""),
        ] {
            let problem = problem(address).unwrap_or_default();
            assert!(problem.contains(expected) && problem.contains(&format!("{address:?}")), "{address:?}: {problem}");
        }
    }
}
