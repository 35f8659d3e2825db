//! The stores: whether they answer, in what state PD has them, what they are.

use std::collections::BTreeMap;

use futures::future::join_all;
use tifusion_client::Client;
use tifusion_client::region::{Store, StoreState};

use super::patient::Patient;
use super::{Finding, Health, unchecked};

const UNREACHABLE: &str = "PD can't be reached";

/// Every store that is not buried.
pub(super) async fn stores(patient: &Patient) -> Vec<Finding> {
    let Some(client) = patient.client() else { return unchecked(UNREACHABLE) };
    let stores = match client.all_stores(&mut Patient::backoffer(client)).await {
        Ok(stores) => stores,
        Err(error) => {
            let message = format!("PD does not tell them: {}", error.message());
            return vec![Finding::new(Health::Bad, "stores", message)];
        }
    };
    if stores.is_empty() {
        let finding = Finding::new(Health::Bad, "stores", "PD knows none");
        return vec![finding.mend("start a TiKV store of this cluster")];
    }
    join_all(stores.iter().map(|store| one_store(client, store))).await
}

async fn one_store(client: &Client, store: &Store) -> Finding {
    let subject = format!("store {} at {}", store.id, store.address);
    let engine = if store.is_tiflash { "TiFlash" } else { "TiKV" };
    let version = if store.version.is_empty() { "unknown" } else { &store.version };
    let labels = store.labels.iter().map(|(key, value)| format!("{key}={value}"));
    let labels = labels.collect::<Vec<_>>().join(", ");
    let labels = if labels.is_empty() { "none".to_owned() } else { labels };
    let what = format!("{engine}, version {version}, state {:?}, labels {labels}", store.state);
    let time = match client.reach_store(&store.address).await {
        Ok(time) => time,
        Err(error) => {
            let finding = Finding::new(Health::Bad, subject, format!("{error}; {what}"));
            return finding.mend(
                "see whether it runs, and whether this machine reaches the address that it advertises",
            );
        }
    };
    let message = format!("answers after {time:.1?}; {what}");
    match store.state {
        StoreState::Up => Finding::new(Health::Good, subject, message),
        _ => Finding::new(Health::Warning, subject, message)
            .mend("it is being taken out of the cluster: its regions move"),
    }
}

/// Whether all run the same.
pub(super) async fn versions(patient: &Patient) -> Vec<Finding> {
    let Some(client) = patient.client() else { return unchecked(UNREACHABLE) };
    // That they can't be told is said above.
    let stores = client.all_stores(&mut Patient::backoffer(client)).await.unwrap_or_default();
    let told = stores.iter().map(|store| store.version.clone());
    let members = patient.answers().flat_map(|(_, answer)| &answer.members);
    vec![compare(told, members.map(|member| member.version.clone()))]
}

/// Looks at the versions of stores and of PD's members.
pub(super) fn compare(
    stores: impl Iterator<Item = String>,
    members: impl Iterator<Item = String>,
) -> Finding {
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    let all = stores.map(|it| (it, "stores")).chain(members.map(|it| (it, "PD")));
    for (version, whose) in all {
        let version = version.trim_start_matches('v').to_owned();
        // Doubles of PD tell none.
        if !version.is_empty() {
            seen.entry(version).or_insert(whose);
        }
    }
    let told: Vec<_> = seen.iter().map(|(version, whose)| format!("{version} ({whose})")).collect();
    match told.len() {
        0 => Finding::new(Health::Note, "versions", "nobody tells one"),
        1 => Finding::new(Health::Good, "versions", format!("all run {}", told.concat())),
        _ => Finding::new(Health::Warning, "versions", format!("they differ: {}", told.join(", ")))
            .mend("bring the upgrade to its end"),
    }
}
