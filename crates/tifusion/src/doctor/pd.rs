//! PD: who answers, who leads, what time it is, how old the oldest snapshot may be.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tifusion_client::pd::PdEndpoint;
use tifusion_client::{ClientError, ErrorKind};

use super::patient::Patient;
use super::{Finding, Health, unchecked};

/// Clocks this far apart make times in statements (`now()`, `AS OF TIMESTAMP`) mean something else.
const SKEW: Duration = Duration::from_millis(500);

/// Garbage is collected every ten minutes unless somebody holds it back.
const OLD: Duration = Duration::from_secs(24 * 60 * 60);

/// Every endpoint by itself, and whether they belong together.
pub(super) fn endpoints(patient: &Patient) -> Vec<Finding> {
    let endpoints = match &patient.pd {
        Ok(endpoints) => endpoints,
        Err(error) => return vec![unusable("pd.addresses", error)],
    };
    let some_answer = patient.answers().next().is_some();
    let mut findings: Vec<_> =
        endpoints.iter().map(|endpoint| one_endpoint(endpoint, some_answer)).collect();
    let mut ids: Vec<_> = patient.answers().map(|(_, answer)| answer.cluster_id).collect();
    ids.sort_unstable();
    ids.dedup();
    if ids.len() > 1 {
        let message = format!("they belong to different clusters: {ids:?}");
        let finding = Finding::new(Health::Bad, "pd.addresses", message);
        findings.push(finding.mend("name the endpoints of one cluster"));
    }
    if let Some(Err(error)) = &patient.client {
        findings.push(unusable("leader", error));
    } else if some_answer && patient.client.is_none() {
        let finding = Finding::new(Health::Bad, "leader", "no endpoint knows one");
        findings.push(finding.mend("see PD's logs: most of its members must be up to elect one"));
    }
    findings
}

fn one_endpoint(endpoint: &PdEndpoint, others_answer: bool) -> Finding {
    let address = endpoint.address.as_str();
    let answer = match &endpoint.answer {
        Ok(answer) => answer,
        Err(error) if others_answer => {
            return Finding { health: Health::Warning, ..unusable(address, error) };
        }
        Err(error) => return unusable(address, error),
    };
    let time = answer.time;
    let cluster = answer.cluster_id;
    let Some(leader) = &answer.leader else {
        let message = format!("answers after {time:.1?}, of cluster {cluster}; it knows no leader");
        return Finding::new(Health::Warning, address, message);
    };
    let is_leader = answer.members.len() == 1 || leader.addresses.iter().any(|own| own == address);
    let role = match is_leader {
        true => "leads".to_owned(),
        false => format!("follows {} at {}", leader.name, leader.addresses.join(", ")),
    };
    let members = answer.members.len();
    let version = if leader.version.is_empty() { "unknown" } else { &leader.version };
    let message = format!(
        "answers after {time:.1?}; {role} cluster {cluster} of {members} member(s), version {version}"
    );
    if !is_leader && leader.addresses.is_empty() {
        let finding = Finding::new(Health::Warning, address, message);
        return finding.mend("the leader advertises no address that can be reached from here");
    }
    Finding::new(Health::Good, address, message)
}

/// What can't be talked to.
fn unusable(subject: &str, error: &ClientError) -> Finding {
    let mend = match error.kind() {
        ErrorKind::Security => {
            "check the files of tikv.trust_cert_collection, tikv.key_cert_chain and tikv.key_file, or the \
             stores of tikv.jks_trust_path and tikv.jks_key_path"
        }
        ErrorKind::InvalidInput => "correct pd.addresses",
        _ => {
            "see whether PD runs there and the network lets this machine through; else correct pd.addresses"
        }
    };
    Finding::new(Health::Bad, subject, error.message()).mend(mend)
}

/// PD's time against this machine's.
pub(super) async fn clock(patient: &Patient) -> Vec<Finding> {
    let Some(client) = patient.client() else { return unchecked("PD can't be reached") };
    let before = now_ms();
    let timestamp = client.pd().timestamp(&mut Patient::backoffer(client)).await;
    let after = now_ms();
    let timestamp = match timestamp {
        Ok(timestamp) => timestamp.physical_ms(),
        Err(error) => return vec![unusable("timestamps", &error)],
    };
    vec![skew(timestamp, before, after)]
}

/// The times are milliseconds: PD's, and this machine's before and after it was asked for.
pub(super) fn skew(pd: u64, before: u64, after: u64) -> Finding {
    let apart = before.saturating_sub(pd).max(pd.saturating_sub(after));
    let apart = Duration::from_millis(apart);
    let which = if pd < before { "behind" } else { "ahead of" };
    if apart <= SKEW {
        let message = format!("PD's is at most {apart:?} from this machine's");
        return Finding::new(Health::Good, "clock", message);
    }
    let message = format!("PD's is {apart:?} {which} this machine's");
    let finding = Finding::new(Health::Warning, "clock", message);
    finding.mend("let NTP set both clocks: AS OF TIMESTAMP and now() go by this machine's")
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// The safe point of garbage collection.
pub(super) async fn gc(patient: &Patient) -> Vec<Finding> {
    let Some(client) = patient.client() else { return unchecked("PD can't be reached") };
    let mut bo = Patient::backoffer(client);
    let safe_point = client.pd().txn_safe_point(&mut bo).await;
    let now = client.pd().timestamp(&mut bo).await;
    let (safe_point, now) = match (safe_point, now) {
        (Ok(safe_point), Ok(now)) => (safe_point, now),
        (Err(error), _) | (_, Err(error)) => return vec![unusable("safe point", &error)],
    };
    vec![age(safe_point.physical_ms(), now.physical_ms())]
}

pub(super) fn age(safe_point_ms: u64, now_ms: u64) -> Finding {
    const SUBJECT: &str = "safe point";
    if safe_point_ms == 0 {
        return Finding::new(Health::Note, SUBJECT, "nothing was collected yet");
    }
    let age = Duration::from_secs(now_ms.saturating_sub(safe_point_ms) / 1000);
    let message = format!("{age:?} old: AS OF TIMESTAMP reaches as far back");
    if age <= OLD {
        return Finding::new(Health::Good, SUBJECT, message);
    }
    let finding = Finding::new(Health::Warning, SUBJECT, message);
    finding.mend("old versions make scans slow: see tidb_gc_life_time, and who holds garbage collection back (pd-ctl service-gc-safepoint)")
}
