//! `meta.properties`: whose data directory this is, and in which format. The name is Kafka's, so that a directory of either
//! is recognised by the other. `docs/format/meta_properties.md` describes it.

use model::{BrokerId, TopicId};

/// The name of the file.
pub const FILE_NAME: &str = "meta.properties";
/// More than any such file has.
pub const SIZE_MAX: u64 = 64 << 10;
/// The version of the data directory that this program writes, and the latest that it reads.
pub const VERSION: u32 = 1;

const VERSION_KEY: &str = "tidelog.format.version";
/// What Kafka's file has instead.
const KAFKA_VERSION_KEY: &str = "version";

/// What the file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetaProperties {
    /// The id of the cluster, which clients see.
    pub cluster_id: String,
    /// The id of this directory.
    pub directory_id: TopicId,
    /// The broker that the directory belongs to.
    pub node_id: BrokerId,
}

/// Why a file is not ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetaError {
    /// A real Kafka's.
    #[error("it is the file of an Apache Kafka broker")]
    Kafka,
    /// A later version of the program wrote it.
    #[error("its format version is {version}, this program knows those up to {VERSION}")]
    Newer {
        /// The version found.
        version: u64,
    },
    /// A key is missing or its value is not what it should be.
    #[error("'{key}' is missing or has no good value")]
    Key {
        /// The key.
        key: &'static str,
    },
}

impl MetaProperties {
    /// The file.
    #[must_use]
    pub fn encode(&self) -> String {
        format!(
            "# The data directory of a Tidelog broker. Do not edit.\n\
             {VERSION_KEY}={VERSION}\ncluster.id={}\ndirectory.id={}\nnode.id={}\n",
            self.cluster_id,
            self.directory_id,
            self.node_id.get(),
        )
    }

    /// Reads the file.
    ///
    /// # Errors
    /// [`MetaError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, MetaError> {
        let text = std::str::from_utf8(bytes).map_err(|_| MetaError::Key { key: VERSION_KEY })?;
        let value = |wanted: &str| {
            let pairs = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('='));
            pairs.into_iter().find(|(key, _)| key.trim() == wanted).map(|(_, value)| value.trim())
        };
        let Some(version) = value(VERSION_KEY) else {
            return Err(if value(KAFKA_VERSION_KEY).is_some() {
                MetaError::Kafka
            } else {
                MetaError::Key { key: VERSION_KEY }
            });
        };
        match version.parse::<u64>() {
            Ok(version) if version == u64::from(VERSION) => {}
            Ok(version) if version > u64::from(VERSION) => return Err(MetaError::Newer { version }),
            _ => return Err(MetaError::Key { key: VERSION_KEY }),
        }
        let cluster_id = value("cluster.id").filter(|id| !id.is_empty()).ok_or(MetaError::Key { key: "cluster.id" })?;
        let directory_id = value("directory.id").and_then(TopicId::parse);
        let node_id = value("node.id").and_then(|id| BrokerId::new(id.parse().ok()?));
        Ok(Self {
            cluster_id: cluster_id.to_owned(),
            directory_id: directory_id.ok_or(MetaError::Key { key: "directory.id" })?,
            node_id: node_id.ok_or(MetaError::Key { key: "node.id" })?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_back() {
        let meta = MetaProperties {
            cluster_id: "MkU3OEVBNTcwNTJENDM2Qk".to_owned(),
            directory_id: TopicId::from_bytes([7; 16]),
            node_id: BrokerId::new(3).unwrap(),
        };
        assert_eq!(MetaProperties::decode(meta.encode().as_bytes()), Ok(meta.clone()));
        let newer = meta.encode().replace("version=1", "version=2");
        assert_eq!(MetaProperties::decode(newer.as_bytes()), Err(MetaError::Newer { version: 2 }));
        let without = meta.encode().replace("node.id", "nodeid");
        assert_eq!(MetaProperties::decode(without.as_bytes()), Err(MetaError::Key { key: "node.id" }));
    }

    #[test]
    fn kafkas_file_is_recognised() {
        let kafka = "#\n#Sun Nov 22 20:00:00 UTC 2026\ncluster.id=x\ndirectory.id=y\nnode.id=1\nversion=1\n";
        assert_eq!(MetaProperties::decode(kafka.as_bytes()), Err(MetaError::Kafka));
        assert_eq!(MetaProperties::decode(b"\xff"), Err(MetaError::Key { key: "tidelog.format.version" }));
    }
}
