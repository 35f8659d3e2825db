//! What this machine has to do with it: files and settings.

use std::path::Path;

use super::patient::Patient;
use super::{Finding, Health};

/// The files of certificates and keys.
pub(super) fn tls(patient: &Patient) -> Vec<Finding> {
    let settings = patient.config.settings();
    if !settings.tls_enable {
        let message = "off: whoever is on the way reads along";
        let finding = Finding::new(Health::Note, "tikv.tls_enable", message);
        return vec![finding.mend("set tikv.tls_enable and tikv.trust_cert_collection")];
    }
    let files = match settings.jks_enable {
        true => vec![
            ("tikv.jks_trust_path", &settings.jks_trust),
            ("tikv.jks_key_path", &settings.jks_key),
        ],
        false => vec![
            ("tikv.trust_cert_collection", &settings.trust_certs),
            ("tikv.key_cert_chain", &settings.key_cert_chain),
            ("tikv.key_file", &settings.key_file),
        ],
    };
    files.into_iter().filter_map(|(key, file)| Some(readable(key, file.as_deref()?))).collect()
}

fn readable(key: &str, file: &Path) -> Finding {
    let name = file.display();
    match std::fs::read(file) {
        Ok(bytes) if bytes.is_empty() => {
            let finding = Finding::new(Health::Bad, key, format!("{name} is empty"));
            finding.mend("give a file of PEM blocks, or a store where tikv.jks_enable is set")
        }
        Ok(_) => Finding::new(Health::Good, key, format!("{name} can be read")),
        Err(error) => {
            let finding = Finding::new(Health::Bad, key, format!("{name} can't be read: {error}"));
            finding.mend(format!("let {key} name a file that this user may read"))
        }
    }
}

/// The cache of names on disk.
pub(super) fn names(patient: &Patient) -> Vec<Finding> {
    const KEY: &str = "catalog.cache_dir";
    let Some(folder) = &patient.config.settings().cache_dir else {
        let message =
            "none: the first statement of a process reads the names of its databases' tables";
        let finding = Finding::new(Health::Note, KEY, message);
        return vec![finding.mend("on a large cluster, set catalog.cache_dir to a folder")];
    };
    let name = folder.display();
    let written = std::fs::create_dir_all(folder).and_then(|()| tempfile::tempfile_in(folder));
    vec![match written {
        Ok(_) => Finding::new(Health::Good, KEY, format!("{name} can be written")),
        Err(error) => Finding::new(Health::Bad, KEY, format!("{name} can't be written: {error}"))
            .mend("let catalog.cache_dir name a folder that this user may write to"),
    }]
}

/// Whether statements may write.
pub(super) fn writing(patient: &Patient) -> Vec<Finding> {
    const KEY: &str = "write.enable";
    vec![match patient.config.settings().write_enable {
        true if patient.config.settings().auth_enable => {
            let message = "true: statements may write where the user's grants in TiDB let them";
            Finding::new(Health::Note, KEY, message)
        }
        true => {
            Finding::new(Health::Note, KEY, "true: statements may write, past TiDB's privileges")
        }
        false => Finding::new(Health::Good, KEY, "false: nothing is written"),
    }]
}
