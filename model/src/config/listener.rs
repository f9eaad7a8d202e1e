//! Where the broker listens and what it tells clients to connect to: `NAME://host:port`.

use std::fmt;

use super::value::{ConfigType, ConfigValue, ValueError, split_list};

/// One listener, or one advertised address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Its name, in capitals, which is that of its security protocol unless `listener.security.protocol.map` says so.
    pub name: String,
    /// A name or an address, without brackets; empty for all of this machine's.
    pub host: String,
    /// The port; 0 takes a free one.
    pub port: u16,
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, host, port } = self;
        if host.contains(':') { write!(f, "{name}://[{host}]:{port}") } else { write!(f, "{name}://{host}:{port}") }
    }
}

impl Listener {
    fn parse(text: &str) -> Option<Self> {
        let (name, address) = text.split_once("://")?;
        let (host, port) = address.rsplit_once(':')?;
        let host = match host.strip_prefix('[') {
            Some(bracketed) => bracketed.strip_suffix(']').filter(|host| host.contains(':'))?,
            None if host.contains(':') => return None,
            None => host,
        };
        let is_name =
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
        let is_host = host.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '/' | '[' | ']' | ','));
        let port = port.parse().ok()?;
        (is_name && is_host).then(|| Self { name: name.to_ascii_uppercase(), host: host.to_owned(), port })
    }
}

impl ConfigValue for Vec<Listener> {
    const TYPE: ConfigType = ConfigType::List;

    fn parse(text: &str) -> Result<Self, ValueError> {
        let expected = || ValueError::new("a list of NAME://host:port, such as PLAINTEXT://127.0.0.1:9092");
        let listeners: Self = split_list(text).map(Listener::parse).collect::<Option<_>>().ok_or_else(expected)?;
        let is_repeated = |(index, listener): (usize, &Listener)| {
            listeners.iter().skip(index + 1).any(|other| other.name == listener.name)
        };
        if listeners.iter().enumerate().any(is_repeated) {
            return Err(ValueError::new("listeners with different names: each may be there once"));
        }
        Ok(listeners)
    }

    fn print(&self) -> Option<String> {
        Some(self.iter().map(ToString::to_string).collect::<Vec<_>>().join(","))
    }

    fn satisfies(&self, valid: super::Valid) -> bool {
        valid != super::Valid::NotEmpty || !self.is_empty()
    }
}

/// The scheme of the metrics listener.
const HTTP: &str = "http";

/// Where the metrics are shown: `http://host:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricsListener(Listener);

impl MetricsListener {
    /// The address, with the scheme as its name.
    #[must_use]
    pub const fn listener(&self) -> &Listener {
        &self.0
    }
}

impl ConfigValue for MetricsListener {
    const TYPE: ConfigType = ConfigType::String;

    fn parse(text: &str) -> Result<Self, ValueError> {
        let listener = Listener::parse(text.trim()).filter(|listener| listener.name.eq_ignore_ascii_case(HTTP));
        let listener = listener.ok_or_else(|| ValueError::new("http://host:port, such as http://127.0.0.1:9464"))?;
        Ok(Self(Listener { name: HTTP.to_owned(), ..listener }))
    }

    fn print(&self) -> Option<String> {
        Some(self.0.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_reads_back() {
        for text in ["PLAINTEXT://127.0.0.1:9092", "PLAINTEXT://:0", "A://[::1]:1,B_2://host.example:65535", ""] {
            assert_eq!(<Vec<Listener>>::parse(text).unwrap().print().unwrap(), text);
        }
        assert_eq!(<Vec<Listener>>::parse(" plaintext://h:1 ").unwrap()[0].name, "PLAINTEXT");
    }

    #[test]
    fn metrics_are_shown_over_http_only() {
        let listener = MetricsListener::parse(" http://127.0.0.1:9464 ").unwrap();
        assert_eq!(listener.print().unwrap(), "http://127.0.0.1:9464");
        for text in ["127.0.0.1:9464", "https://h:1", "http://h", "http://h:1,http://h:2", ""] {
            assert!(MetricsListener::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_no_listener_is_refused() {
        for text in [
            "127.0.0.1:9092",
            "PLAINTEXT://h",
            "PLAINTEXT://h:70000",
            "PLAINTEXT://::1:9",
            "://h:1",
            "A://[h]:1",
            "A://h:1,",
            "A://h h:1",
            "A://h:1,a://h:2",
            "A://h:-1",
        ] {
            assert!(<Vec<Listener>>::parse(text).is_err(), "{text}");
        }
    }
}
