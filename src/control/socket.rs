//! The socket's file: where it is, how it is made and found.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use rustix::fs::Mode;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

/// Its name in the data directory.
pub(super) const NAME: &str = "control.sock";
/// Connections that wait to be accepted.
const BACKLOG: i32 = 8;

/// Makes the socket, in the place of one that an earlier process left: the caller has the directory's lock.
///
/// # Errors
/// What the system says.
pub(super) fn bind(dir: &Path) -> io::Result<UnixListener> {
    remove(dir)?;
    let directory = File::open(dir)?;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    // Before it has a name: Linux makes the file with the mode of the socket, and it is never anybody else's.
    rustix::fs::fchmod(&socket, Mode::RUSR | Mode::WUSR)?;
    rustix::net::bind(&socket, &address(dir, &directory)?)?;
    rustix::net::listen(&socket, BACKLOG)?;
    Ok(UnixListener::from(socket))
}

/// Takes the name away.
///
/// # Errors
/// What the system says, but not that there is none.
pub(super) fn remove(dir: &Path) -> io::Result<()> {
    match std::fs::remove_file(dir.join(NAME)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Connects to the broker that uses a data directory.
///
/// # Errors
/// What the system says: `NotFound` or `ConnectionRefused` where there is none.
pub(super) fn connect(dir: &Path) -> io::Result<UnixStream> {
    let directory = File::open(dir)?;
    let socket: OwnedFd =
        rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    rustix::net::connect(&socket, &address(dir, &directory)?)?;
    Ok(UnixStream::from(socket))
}

/// The address. A path of a socket has 107 bytes at most; a longer one is taken by way of the open directory.
fn address(dir: &Path, directory: &File) -> io::Result<SocketAddrUnix> {
    if let Ok(address) = SocketAddrUnix::new(dir.join(NAME)) {
        return Ok(address);
    }
    Ok(SocketAddrUnix::new(format!("/proc/self/fd/{}/{NAME}", directory.as_raw_fd()))?)
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn it_is_the_owners_alone_at_any_depth_and_takes_the_place_of_a_stale_one() {
        let root = tempfile::tempdir().unwrap();
        for dir in [root.path().join("short"), root.path().join("deep/".repeat(40))] {
            std::fs::create_dir_all(&dir).unwrap();
            assert_eq!(connect(&dir).unwrap_err().kind(), io::ErrorKind::NotFound);
            drop(bind(&dir).unwrap());
            assert_eq!(connect(&dir).unwrap_err().kind(), io::ErrorKind::ConnectionRefused, "a stale one");
            let listener = bind(&dir).unwrap();
            let mode = std::fs::symlink_metadata(dir.join(NAME)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            connect(&dir).unwrap().write_all(b"x").unwrap();
            let (mut stream, _) = listener.accept().unwrap();
            let mut read = String::new();
            stream.read_to_string(&mut read).unwrap();
            assert_eq!(read, "x");
            remove(&dir).unwrap();
            remove(&dir).unwrap();
        }
    }
}
