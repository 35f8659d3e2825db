//! Processor time and memory of programs on this machine.

use std::time::Duration;

use procfs::net::TcpState;
use procfs::process::{FDTarget, Process, all_processes};

use crate::error::{BenchError, Result};

/// A program on this machine.
#[derive(Debug)]
pub(crate) struct Program(Process);

impl Program {
    /// This one.
    pub(crate) fn own() -> Result<Self> {
        Ok(Self(Process::myself()?))
    }

    /// The program with process id `id`.
    pub(crate) fn of(id: u32) -> Result<Self> {
        let id = i32::try_from(id).map_err(|_| BenchError::NoProcess { id })?;
        Ok(Self(Process::new(id)?))
    }

    /// The program that listens on `port` of this machine; `None` if it is another machine's, or not ours to look at.
    pub(crate) fn listening_on(port: u16) -> Result<Option<Self>> {
        let listening = procfs::net::tcp()?.into_iter().chain(procfs::net::tcp6()?);
        let Some(socket) = listening
            .filter(|entry| entry.state == TcpState::Listen)
            .find(|entry| entry.local_address.port() == port)
        else {
            return Ok(None);
        };
        let owns = |process: &Process| {
            let Ok(files) = process.fd() else { return false };
            files
                .flatten()
                .any(|file| matches!(file.target, FDTarget::Socket(inode) if inode == socket.inode))
        };
        // Processes come and go while they are looked at.
        Ok(all_processes()?.flatten().find(owns).map(Self))
    }

    /// The time that processors have spent on it.
    pub(crate) fn processor_time(&self) -> Result<Duration> {
        let stat = self.0.stat()?;
        let ticks = stat.utime + stat.stime;
        Ok(Duration::from_millis(ticks * 1000 / procfs::ticks_per_second()))
    }

    /// The most memory that it has had since [`Self::forget_peak`], in bytes.
    pub(crate) fn peak_memory(&self) -> Result<u64> {
        Ok(self.0.status()?.vmhwm.unwrap_or_default() * 1024)
    }

    /// Lets the peak be that of now.
    pub(crate) fn forget_peak(&self) -> Result<()> {
        Ok(self.0.clear_refs(procfs::process::ClearRefs::PeakRSS)?)
    }
}
