//! The priority of threads.

/// How much a thread gives way to the others of the process; 19 is the most.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// Lowers the priority of this thread, until it ends, where each thread has one of its own. Where that fails, it keeps the
/// one that it has.
#[cfg(target_os = "linux")]
pub fn lower_thread_priority() {
    let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICENESS);
}

/// Elsewhere a priority is the whole process's.
#[cfg(not(target_os = "linux"))]
pub const fn lower_thread_priority() {}
