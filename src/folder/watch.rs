//! Watch: which files of a folder the system says were written to since it was last asked.
//!
//! By inotify (Linux, man 7 inotify), whose word is taken only where it is whole: on file systems of this machine,
//! while the folder stands where it stood. What is written by another machine, or under another name of the same
//! file, no watch tells.

use std::path::Path;

/// A folder that is watched.
#[derive(Debug)]
pub struct Watch(system::Watch);

impl Watch {
    /// Watches a folder from now on; none where a change could come unseen.
    pub fn begin(folder: &Path) -> Option<Self> {
        system::Watch::begin(folder).map(Self)
    }

    /// The names in the folder that were made, written to, renamed or removed since the last time, in any order,
    /// some of them twice; none when it is not known and all must be looked at.
    pub fn written(&mut self, folder: &Path) -> Option<Vec<String>> {
        self.0.written(folder)
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::fs;
    use std::mem::MaybeUninit;
    use std::os::fd::OwnedFd;
    use std::os::unix::fs::MetadataExt as _;
    use std::path::Path;

    use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
    use rustix::fs::statfs;
    use rustix::io::Errno;

    #[derive(Debug)]
    pub struct Watch {
        inotify: OwnedFd,
        stands: Place,
    }

    // The device and the inode: the same path may come to be another folder's.
    type Place = (u64, u64);

    // The magic numbers (statfs(2)) of ext2 to ext4, XFS, Btrfs, F2FS, ZFS and tmpfs: nobody writes to them but by
    // this machine's kernel. Not of NFS, SMB, FUSE or 9p; nor of overlays, whose layers may be written to below.
    const OF_THIS_MACHINE: [u32; 6] =
        [0xEF53, 0x5846_5342, 0x9123_683E, 0xF2F5_2010, 0x2FC1_2FC1, 0x0102_1994];

    // Room for the names of a look: some hundred events at a time.
    const BUFFER: usize = 16 * 1024;

    impl Watch {
        pub fn begin(folder: &Path) -> Option<Self> {
            let stands = place(folder)?;
            if !is_of_this_machine(folder) {
                return None;
            }
            let inotify = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).ok()?;
            let told = WatchFlags::CREATE
                | WatchFlags::MODIFY
                | WatchFlags::CLOSE_WRITE
                | WatchFlags::ATTRIB
                | WatchFlags::MOVED_FROM
                | WatchFlags::MOVED_TO
                | WatchFlags::DELETE
                | WatchFlags::DELETE_SELF
                | WatchFlags::MOVE_SELF
                | WatchFlags::ONLYDIR;
            inotify::add_watch(&inotify, folder, told).ok()?;
            (place(folder)? == stands).then_some(Self { inotify, stands })
        }

        pub fn written(&mut self, folder: &Path) -> Option<Vec<String>> {
            if place(folder)? != self.stands {
                return None;
            }
            let mut buffer = [MaybeUninit::uninit(); BUFFER];
            let mut events = Reader::new(&self.inotify, &mut buffer);
            let mut names = Vec::new();
            loop {
                match events.next() {
                    Ok(event) => match event.file_name() {
                        Some(name) => names.push(name.to_string_lossy().into_owned()),
                        // Of the folder itself: its rights changed, or it is not what it was.
                        None if event.events() == ReadFlags::ATTRIB | ReadFlags::ISDIR => {}
                        // Lost events are told by one without a name too.
                        None => return None,
                    },
                    Err(Errno::WOULDBLOCK) => return Some(names),
                    Err(Errno::INTR) => {}
                    Err(_) => return None,
                }
            }
        }
    }

    fn place(folder: &Path) -> Option<Place> {
        fs::metadata(folder).ok().map(|folder| (folder.dev(), folder.ino()))
    }

    fn is_of_this_machine(folder: &Path) -> bool {
        let magic = statfs(folder).ok().and_then(|found| u32::try_from(found.f_type).ok());
        magic.is_some_and(|magic| OF_THIS_MACHINE.contains(&magic))
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::path::Path;

    // No other system is asked: every file is looked at.
    #[derive(Debug)]
    pub enum Watch {}

    impl Watch {
        pub fn begin(_: &Path) -> Option<Self> {
            None
        }

        pub fn written(&mut self, _: &Path) -> Option<Vec<String>> {
            match *self {}
        }
    }
}
