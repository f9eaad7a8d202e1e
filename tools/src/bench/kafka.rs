//! A real Kafka's jars, its configuration and its empty data directory.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use super::Failure;
use super::broker::{PROPERTIES, free_address, write};

/// What `java -cp` takes: all jars of a broker, which are installed first if they are not there.
pub(crate) fn class_path(root: &Path) -> Result<String, Failure> {
    let output = Command::new(root.join("tests/support/install.sh")).arg("kafka-jars").output();
    let output = output.map_err(|source| Failure::Io { what: "tests/support/install.sh".to_owned(), source })?;
    if !output.status.success() {
        let detail = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(Failure::Program { program: "tests/support/install.sh".to_owned(), detail });
    }
    Ok(format!("{}/*", String::from_utf8_lossy(&output.stdout).trim()))
}

/// Gives a broker its configuration in `dir`, and an empty data directory, which is `dir/data` unless the settings say otherwise.
/// It listens at the first of the addresses, and tells clients the second.
pub(crate) fn format(
    root: &Path,
    dir: &Path,
    (address, advertised): (SocketAddr, SocketAddr),
    settings: &str,
) -> Result<(), Failure> {
    let controller = free_address()?;
    // Of two lines for one key the later one is taken.
    let properties = format!(
        "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.bootstrap.servers={controller}\n\
         listeners=PLAINTEXT://{address},CONTROLLER://{controller}\n\
         advertised.listeners=PLAINTEXT://{advertised},CONTROLLER://{controller}\n\
         controller.listener.names=CONTROLLER\nlog.dirs={}\noffsets.topic.replication.factor=1\n\
         transaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\n\
         {settings}\n",
        dir.join("data").display()
    );
    let file = dir.join(PROPERTIES);
    write(&file, &properties)?;
    let formatted = Command::new("java")
        .args(["-cp", &class_path(root)?, "kafka.tools.StorageTool", "format", "--standalone", "--cluster-id"])
        .arg("dGlkZWxvZy1iZW5jaC0wMQ")
        .arg("--config")
        .arg(&file)
        .output()
        .map_err(|source| Failure::Io { what: "java".to_owned(), source })?;
    if formatted.status.success() {
        return Ok(());
    }
    let detail = String::from_utf8_lossy(&formatted.stdout).into_owned();
    Err(Failure::Program { program: "StorageTool format".to_owned(), detail })
}
