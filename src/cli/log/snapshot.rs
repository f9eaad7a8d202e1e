//! `tidelog log snapshot`: a backup of a data directory, made by the broker that uses it, or here if none does.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde_json::json;
use storage::{BackupError, BackupOptions, OpenError, RealDisk, back_up_stopped};

use super::unreadable;
use crate::cli::error::CliError;
use crate::cli::{OutputFormat, output, time};
use crate::control::client::{AskError, ask};
use crate::control::protocol::{Answer, MadeBackup, Question};

/// Makes a backup of the data directory `data`.
///
/// # Errors
/// [`CliError::Failed`]: nothing was left at the destination then.
pub(super) fn run(destination: &Path, data: &Path, format: OutputFormat) -> Result<(), CliError> {
    let data = std::fs::canonicalize(data).map_err(unreadable(data))?;
    let destination = resolved(destination)?;
    if destination.starts_with(&data) {
        let (destination, data) = (destination.display(), data.display());
        return Err(CliError::Usage(format!("{destination} lies in the data directory {data}")));
    }
    let made = match by_the_broker(&data, &destination) {
        Err(AskError::NoBroker) => here(&data, &destination)?,
        Err(error) => return Err(CliError::Failed(error.to_string())),
        Ok(Answer::BackedUp(made)) => made,
        Ok(Answer::Refused(reason)) => return Err(CliError::Failed(reason)),
    };
    report(&made, &destination, format)
}

/// The absolute path without links: where the broker stands is another place, and what lies in the data directory must be seen.
fn resolved(destination: &Path) -> Result<PathBuf, CliError> {
    let Some(name) = destination.file_name() else {
        return Err(CliError::Usage(format!("{} names no directory that could be made", destination.display())));
    };
    let parent = destination.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let parent = std::fs::canonicalize(parent).map_err(unreadable(parent))?;
    Ok(parent.join(name))
}

fn by_the_broker(data: &Path, destination: &Path) -> Result<Answer, AskError> {
    let Some(destination) = destination.to_str() else {
        return Ok(Answer::Refused(format!("{} is no UTF-8", destination.display())));
    };
    ask(data, &Question::Backup { destination: destination.to_owned() })
}

fn here(data: &Path, destination: &Path) -> Result<MadeBackup, CliError> {
    let begun = time::now();
    let elapsed = || time::now().duration_since(begun);
    let mut options = BackupOptions { elapsed: &elapsed, pace: &mut |_| ControlFlow::Continue(()) };
    match back_up_stopped(&RealDisk, data, destination, &mut options) {
        Ok(made) => Ok(made.into()),
        Err(BackupError::Open(OpenError::InUse { path })) => {
            let path = path.display();
            Err(CliError::Failed(format!(
                "a process uses the data directory {path}, and does not listen on its control socket: it is starting, \
                 stopping, or was started by an earlier version"
            )))
        }
        Err(error) => Err(CliError::Failed(error.to_string())),
    }
}

fn report(made: &MadeBackup, destination: &Path, format: OutputFormat) -> Result<(), CliError> {
    if format == OutputFormat::Json {
        let mut object = serde_json::to_value(made).unwrap_or_default();
        if let Some(object) = object.as_object_mut() {
            object.insert("destination".to_owned(), json!(destination.display().to_string()));
        }
        return output::json(&object);
    }
    let (linked, copied) = (output::bytes(made.linked_bytes), output::bytes(made.copied_bytes));
    output::line(&format!(
        "{}: {} logs; {linked} in {} files linked, {copied} in {} files copied; acknowledgements waited {} us",
        destination.display(),
        made.logs,
        made.linked_files,
        made.copied_files,
        made.ends_held_us
    ))
}
