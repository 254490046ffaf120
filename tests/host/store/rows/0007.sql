INSERT INTO connections (id, account, source, distribution, sealed, version, report, created_at, created_by, updated_at, checked_at)
VALUES ('con_1', 'acme', 'shop', 'the-shop', 'x', 1, '{}', NOON, 'ada', NOON, NOON);
INSERT INTO connections (id, account, source, distribution, sealed, version, report, created_at, created_by, updated_at, checked_at)
VALUES ('con_2', 'rival', 'shop', 'the-shop', 'x', 1, '{}', NOON, 'rita', NOON, NOON);
INSERT INTO metrics (id, account, workspace, name, source, survey_id, definition, display, version, created_at, created_by, updated_at)
VALUES ('met_1', 'acme', 'default', 'Stars', 'shop', 'S1', '{}', '{}', 1, NOON, 'ed', NOON);
INSERT INTO metrics (id, account, workspace, name, source, survey_id, definition, display, version, created_at, created_by, updated_at)
VALUES ('met_2', 'acme', 'default', 'Stars', 'gone', 'S1', '{}', '{}', 1, NOON, 'ed', NOON);
INSERT INTO metrics (id, account, workspace, name, source, survey_id, definition, display, version, created_at, created_by, updated_at)
VALUES ('met_3', 'rival', 'default', 'Stars', 'shop', 'S1', '{}', '{}', 1, NOON, 'ed', NOON);
INSERT INTO metric_values (metric_id, account, fingerprint, result, tally, as_of)
VALUES ('met_1', 'acme', 'x', '{}', '{}', NOON);
INSERT INTO attempts (metric_id, account, fingerprint, started_at, failed)
VALUES ('met_1', 'acme', 'x', NOON, false);
INSERT INTO history (metric_id, as_of, account, fingerprint, unit, responses, answered)
VALUES ('met_1', NOON, 'acme', 'x', 'points', 1, 1);
INSERT INTO leases (connection_id, survey_id, account, fence)
VALUES ('con_1', 'S1', 'acme', 7);
