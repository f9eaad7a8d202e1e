//! Programs that ship a log file into a topic. Their clients are idempotent and try until it works.

use std::fs::File;
use std::process::{Child, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use test_support::{Part, install, system_command};

use crate::log_file::LogFile;
use crate::partition::Partition;

/// A program at work. It is killed when this is dropped.
pub(crate) struct Shipper {
    name: &'static str,
    child: Child,
    /// Ends by itself when all is shipped; the other kind watches its file until it is told to end.
    ends: bool,
}

/// rsyslog with the configuration of examples/, but for the paths, the broker and the topic.
#[track_caller]
pub(crate) fn rsyslog(file: &LogFile, to: &Partition) -> Shipper {
    drop(install(Part::Debian));
    let dir = file.dir.path();
    let example = include_str!("../../examples/rsyslog-omkafka.conf");
    let mut config = example.to_owned();
    for (from, to) in [
        ("workDirectory=\"/tmp\"", format!("workDirectory=\"{}\"", dir.display())),
        ("file=\"/var/log/dpkg.log\"", format!("file=\"{}\"", file.path.display())),
        ("broker=\"127.0.0.1:9092\"", format!("broker=\"{}\"", to.bootstrap)),
        ("topic=\"logs\"", format!("topic=\"{}\"", to.topic)),
    ] {
        assert!(config.contains(from), "the example has no {from}");
        config = config.replace(from, &to);
    }
    let config_file = dir.join("rsyslog.conf");
    std::fs::write(&config_file, config).unwrap();
    let mut command = system_command("rsyslogd");
    command.arg("-n").arg("-f").arg(config_file).arg("-i").arg(dir.join("rsyslog.pid"));
    let path = format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default());
    let child = command.env("PATH", path).stdin(Stdio::null()).spawn().unwrap();
    Shipper { name: "rsyslogd", child, ends: false }
}

#[track_caller]
pub(crate) fn kcat(file: &LogFile, to: &Partition) -> Shipper {
    drop(install(Part::Debian));
    let mut command = system_command("kcat");
    command.args(["-b", &to.bootstrap, "-P", "-t", &to.topic, "-p", "0", "-z", "zstd", "-E", "-q"]);
    command.args(["-X", "enable.idempotence=true", "-X", "message.timeout.ms=0", "-X", "reconnect.backoff.max.ms=500"]);
    let child = command.stdin(File::open(&file.path).unwrap()).spawn().unwrap();
    Shipper { name: "kcat", child, ends: true }
}

impl Shipper {
    /// Fails when the program has given up.
    #[track_caller]
    pub(crate) fn check(&mut self) {
        if let Some(status) = self.child.try_wait().unwrap() {
            assert!(self.ends && status.success(), "{} ended with {status}", self.name);
        }
    }

    /// Ends the program when all is shipped.
    #[track_caller]
    pub(crate) fn finish(&mut self) {
        if !self.ends {
            let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
            kill_process(pid, Signal::TERM).unwrap();
        }
        let status: ExitStatus = self.child.wait().unwrap();
        assert!(status.success(), "{} ended with {status}", self.name);
    }
}

impl Drop for Shipper {
    fn drop(&mut self) {
        // It has ended already unless the test failed.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
