//! A control group of the kernel that a process cannot outgrow: the limit that a container has.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// A group, which is gone with this value; its processes must be, too.
pub struct ControlGroup {
    directory: PathBuf,
}

impl ControlGroup {
    /// A group of at most so many bytes; none where we may not make any.
    pub fn new(bytes: u64) -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let name = format!("destination-postgres-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let group = Self { directory: hierarchy()?.join(name) };
        fs::create_dir(&group.directory).ok()?;
        let first = group.limit("memory.limit_in_bytes", bytes) || group.limit("memory.max", bytes);
        // Swap is memory, too; there may be none.
        let _ = group.limit("memory.memsw.limit_in_bytes", bytes) || group.limit("memory.swap.max", 0);
        first.then_some(group)
    }

    fn limit(&self, file: &str, bytes: u64) -> bool {
        let file = self.directory.join(file);
        file.exists() && fs::write(file, bytes.to_string()).is_ok()
    }

    /// The script for `sh -c` that puts what it runs into the group.
    pub fn script(&self) -> String {
        format!("echo $$ > '{}/cgroup.procs' && exec \"$@\"", self.directory.display())
    }

    /// The kernel killed a process for the limit.
    pub fn killed(&self) -> bool {
        ["memory.oom_control", "memory.events"].iter().any(|file| {
            let text = fs::read_to_string(self.directory.join(file)).unwrap_or_default();
            text.lines().any(|line| line.strip_prefix("oom_kill ").is_some_and(|count| count != "0"))
        })
    }
}

impl Drop for ControlGroup {
    fn drop(&mut self) {
        for _ in 0..100 {
            if fs::remove_dir(&self.directory).is_ok() {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Where groups with a limit of memory are made, of either version.
fn hierarchy() -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/mounts").ok()?;
    let mounts = mounts.lines().filter_map(|line| {
        let [_, at, kind, options, ..] = line.split(' ').collect::<Vec<_>>()[..] else { return None };
        Some((PathBuf::from(at), kind.to_owned(), options.to_owned()))
    });
    mounts.into_iter().find_map(|(at, kind, options)| match &*kind {
        "cgroup" if options.split(',').any(|option| option == "memory") => Some(at),
        "cgroup2" => {
            let handed_down = fs::read_to_string(at.join("cgroup.subtree_control")).unwrap_or_default();
            handed_down.split_whitespace().any(|controller| controller == "memory").then_some(at)
        }
        _ => None,
    })
}
