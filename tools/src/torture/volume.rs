//! Where the broker's data is: a directory of this machine, or a file system in a file whose power can be cut and that can be
//! filled.
//!
//! Owns: making, mounting, cutting, filling. All but the plain directory needs root and loop devices, and says so.

use std::fmt::Display;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::fs::{FallocateFlags, fallocate, statvfs};

use super::TortureError;

/// The size of a file system; the file has holes.
const IMAGE_BYTES: u64 = 3 << 30;

/// What the data is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Disk {
    /// A directory: no power cuts, no full disk.
    Directory,
    /// ext4 in a file.
    Ext4,
    /// XFS in a file.
    Xfs,
}

impl Display for Disk {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Self::Directory => "directory",
            Self::Ext4 => "ext4",
            Self::Xfs => "xfs",
        })
    }
}

/// A place for data; unmounted when it is dropped.
#[derive(Debug)]
pub(super) struct Volume {
    pub(super) disk: Disk,
    image: PathBuf,
    mount: PathBuf,
    is_mounted: bool,
}

/// A program that cuts the power as soon as it is told.
#[derive(Debug)]
pub(super) struct Cutter {
    program: Child,
    answers: BufReader<std::process::ChildStdout>,
}

impl Volume {
    /// Makes an empty one in `dir`.
    pub(super) fn new(disk: Disk, dir: &Path) -> Result<Self, TortureError> {
        let mut volume = Self { disk, image: dir.join("disk.img"), mount: dir.join("disk"), is_mounted: false };
        std::fs::create_dir_all(&volume.mount).map_err(|source| TortureError::io(&volume.mount, source))?;
        volume.leave_nothing_mounted()?;
        let make = match disk {
            Disk::Directory => {
                drop(std::fs::remove_dir_all(volume.data()));
                return Ok(volume);
            }
            Disk::Ext4 => ("mkfs.ext4", "e2fsprogs"),
            Disk::Xfs => ("mkfs.xfs", "xfsprogs"),
        };
        if !rustix::process::geteuid().is_root() {
            return Err(TortureError::Missing("root, to mount the file systems whose power is cut".to_owned()));
        }
        run("losetup", &["--find"])
            .map_err(|error| TortureError::Missing(format!("loop devices, for power cuts: {error}")))?;
        let image = File::create(&volume.image).and_then(|image| image.set_len(IMAGE_BYTES));
        image.map_err(|source| TortureError::io(&volume.image, source))?;
        let (program, package) = make;
        run(program, &["-q", &volume.image.display().to_string()]).map_err(|error| {
            TortureError::Missing(format!("{program} (Debian's {package}), for power cuts: {error}"))
        })?;
        volume.mount()?;
        Ok(volume)
    }

    /// The data directory.
    pub(super) fn data(&self) -> PathBuf {
        self.mount.join("data")
    }

    /// Whether its power can be cut.
    pub(super) fn has_power(&self) -> bool {
        self.disk != Disk::Directory
    }

    /// Readies a cut.
    pub(super) fn cutter(&self, root: &Path) -> Result<Cutter, TortureError> {
        let mut command = Command::new("python3");
        command.arg(root.join("tools/src/torture/power_cut.py")).arg(&self.mount);
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let io = |source| TortureError::Io { what: "python3, which cuts the power".to_owned(), source };
        let mut program = spawned.map_err(io)?;
        let Some(answers) = program.stdout.take() else { return Err(TortureError::Missing("python3".to_owned())) };
        let mut cutter = Cutter { program, answers: BufReader::new(answers) };
        cutter.expect("ready")?;
        Ok(cutter)
    }

    /// Mounts it again after a cut, when nobody has files of it open.
    pub(super) fn power_on(&mut self) -> Result<(), TortureError> {
        self.unmount()?;
        self.mount()
    }

    /// Takes all the room that is left.
    pub(super) fn fill(&self) -> Result<(), TortureError> {
        let path = self.filler();
        let io = |source| TortureError::io(&path, source);
        let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(io)?;
        let mut size = file.metadata().map_err(io)?.len();
        let room = statvfs(&self.mount).map_err(|error| io(error.into()))?;
        let mut step = room.f_bavail.saturating_mul(room.f_frsize);
        while step >= 4096 {
            match fallocate(&file, FallocateFlags::empty(), size, step) {
                Ok(()) => size += step,
                Err(rustix::io::Errno::NOSPC) => step /= 2,
                Err(error) => return Err(io(error.into())),
            }
        }
        Ok(())
    }

    /// Gives the room back.
    pub(super) fn free(&self) -> Result<(), TortureError> {
        let path = self.filler();
        // Synced, or the next power cut brings the file back, and with it the full disk.
        let removed = std::fs::remove_file(&path).and_then(|()| File::open(&self.mount)?.sync_all());
        removed.map_err(|source| TortureError::io(&path, source))
    }

    fn filler(&self) -> PathBuf {
        self.mount.join("filler")
    }

    /// A run that was cut short leaves its file system behind.
    fn leave_nothing_mounted(&mut self) -> Result<(), TortureError> {
        let path = Path::new("/proc/self/mounts");
        let mounts = std::fs::read_to_string(path).map_err(|source| TortureError::io(path, source))?;
        let mount = self.mount.display().to_string();
        if mounts.lines().any(|line| line.split(' ').nth(1) == Some(&mount)) { self.unmount() } else { Ok(()) }
    }

    fn mount(&mut self) -> Result<(), TortureError> {
        let (image, mount) = (self.image.display().to_string(), self.mount.display().to_string());
        run("mount", &["-o", "loop", &image, &mount])?;
        self.is_mounted = true;
        Ok(())
    }

    fn unmount(&mut self) -> Result<(), TortureError> {
        run("umount", &[&self.mount.display().to_string()])?;
        self.is_mounted = false;
        Ok(())
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        if self.is_mounted
            && let Err(error) = self.unmount()
        {
            eprintln!("{} stays mounted: {error}", self.mount.display());
        }
    }
}

impl Cutter {
    /// Cuts the power, and returns when it is cut.
    pub(super) fn cut(mut self) -> Result<(), TortureError> {
        let told = self.program.stdin.take().map(|mut input| input.write_all(b"\n"));
        if !matches!(told, Some(Ok(()))) {
            return Err(TortureError::Missing("the program that cuts the power has ended".to_owned()));
        }
        self.expect("cut")
    }

    fn expect(&mut self, word: &str) -> Result<(), TortureError> {
        let mut line = String::new();
        let read = self.answers.read_line(&mut line);
        read.map_err(|source| TortureError::Io { what: "power_cut.py".to_owned(), source })?;
        if line.trim_end() == word {
            return Ok(());
        }
        Err(TortureError::Program {
            program: "power_cut.py".to_owned(),
            detail: format!("it said '{line}', not {word}"),
        })
    }
}

impl Drop for Cutter {
    fn drop(&mut self) {
        // Without its input it ends by itself, and with it the file that it holds open.
        drop(self.program.stdin.take());
        drop(self.program.wait());
    }
}

fn run(program: &str, args: &[&str]) -> Result<(), TortureError> {
    let output = Command::new(program).args(args).stdin(Stdio::null()).output();
    let output = output.map_err(|source| TortureError::Io { what: program.to_owned(), source })?;
    if output.status.success() {
        return Ok(());
    }
    let detail = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(TortureError::Program { program: format!("{program} {}", args.join(" ")), detail })
}
