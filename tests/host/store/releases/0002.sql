BEGIN TRANSACTION;
CREATE TABLE accounts (
	id VARCHAR(200) NOT NULL, 
	zone VARCHAR(100) NOT NULL, 
	week_start INTEGER NOT NULL, 
	CONSTRAINT pk_accounts PRIMARY KEY (id)
);
INSERT INTO "accounts" VALUES('acme','Europe/Vienna',7);
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0002');
CREATE TABLE attempts (
	metric_id VARCHAR(40) NOT NULL, 
	account VARCHAR(200) NOT NULL, 
	fingerprint VARCHAR(64) NOT NULL, 
	started_at DATETIME NOT NULL, 
	ended_at DATETIME, 
	failed BOOLEAN NOT NULL, 
	problem JSON, 
	CONSTRAINT pk_attempts PRIMARY KEY (metric_id), 
	CONSTRAINT fk_attempts_metric_id FOREIGN KEY(metric_id) REFERENCES metrics (id) ON DELETE CASCADE
);
INSERT INTO "attempts" VALUES('met_013d1dd8a720','acme','fb82d62a4a4d1e8f893ccc1c0ffc5928','2026-04-01 12:00:00.000000','2026-04-01 12:00:00.000000',0,'null');
INSERT INTO "attempts" VALUES('met_38b05be766bd','acme','2e2d5dc3d2c44a00e364de6815a9424d','2026-04-01 12:00:00.000000','2026-04-01 12:00:00.000000',0,'null');
INSERT INTO "attempts" VALUES('met_84da2f148500','acme','69d00828dad5363b8d01359bf30909bd','2026-04-01 12:00:00.000000','2026-04-01 12:00:00.000000',0,'null');
INSERT INTO "attempts" VALUES('met_fd2b4692a841','acme','bd2e0b98ffd4c80f8c9825d6f77b1282','2026-04-01 12:00:00.000000','2026-04-01 12:00:00.000000',1,'{"kind": "question_unavailable", "issue": "data", "message": "The question taste (\u201cHow many taste?\u201d) of the survey \u201cSurvey S1\u201d was deleted.", "remedy": "Edit the metric and choose a question from the survey as it is now.", "retryable": false, "blame": "configuration", "code": null, "request_id": null, "fields": []}');
CREATE TABLE connections (
	id VARCHAR(40) NOT NULL, 
	account VARCHAR(200) NOT NULL, 
	source VARCHAR(200) NOT NULL, 
	distribution VARCHAR(200) NOT NULL, 
	sealed TEXT NOT NULL, 
	version INTEGER NOT NULL, 
	report JSON NOT NULL, 
	problem JSON, 
	created_at DATETIME NOT NULL, 
	created_by VARCHAR(200) NOT NULL, 
	updated_at DATETIME NOT NULL, 
	checked_at DATETIME NOT NULL, 
	refused_at DATETIME, 
	woken_at DATETIME, 
	retry_not_before DATETIME, 
	retry_said_at DATETIME, 
	CONSTRAINT pk_connections PRIMARY KEY (id), 
	CONSTRAINT uq_connections_account UNIQUE (account, source)
);
INSERT INTO "connections" VALUES('con_8256fa120dd1','acme','shop','the-shop','v1.41366cb3.mQ1sKCYWyBeJ5xSCB7G0_RyQAY98LV5JCMCrSNzczOIqThYzkv_6w3581wTCU-h8isfpWoLRw8_dI4Hor-6eOMRKbAHWS3q_F6T8H7qa3wXHY3Lmrvt3-AbAAapFDOzj1cSNQpvhR4jMojsTPw',1,'{"steps": [{"name": "reach", "title": "Reach the shop", "required": true, "status": "passed", "detail": "", "problem": null, "seconds": 0.00016102000017781393}, {"name": "authenticate", "title": "Sign in", "required": true, "status": "passed", "detail": "", "problem": null, "seconds": 0.00013254800023787539}, {"name": "list_surveys", "title": "List the surveys", "required": false, "status": "passed", "detail": "", "problem": null, "seconds": 0.00017133599976659752}]}','null','2026-04-01 12:00:00.000000','ada','2026-04-01 12:00:00.000000','2026-04-01 12:00:00.000000',NULL,NULL,NULL,NULL);
CREATE TABLE leases (
	connection_id VARCHAR(40) NOT NULL, 
	survey_id VARCHAR(400) NOT NULL, 
	account VARCHAR(200) NOT NULL, 
	owner VARCHAR(80), 
	fence INTEGER NOT NULL, 
	expires_at DATETIME, 
	forced_at DATETIME, 
	CONSTRAINT pk_leases PRIMARY KEY (connection_id, survey_id), 
	CONSTRAINT fk_leases_connection_id FOREIGN KEY(connection_id) REFERENCES connections (id) ON DELETE CASCADE
);
INSERT INTO "leases" VALUES('con_8256fa120dd1','S2','acme',NULL,1,NULL,NULL);
INSERT INTO "leases" VALUES('con_8256fa120dd1','S1','acme',NULL,1,NULL,NULL);
CREATE TABLE metric_values (
	metric_id VARCHAR(40) NOT NULL, 
	account VARCHAR(200) NOT NULL, 
	fingerprint VARCHAR(64) NOT NULL, 
	result JSON NOT NULL, 
	tally JSON NOT NULL, 
	as_of DATETIME NOT NULL, 
	CONSTRAINT pk_metric_values PRIMARY KEY (metric_id), 
	CONSTRAINT fk_metric_values_metric_id FOREIGN KEY(metric_id) REFERENCES metrics (id) ON DELETE CASCADE
);
INSERT INTO "metric_values" VALUES('met_013d1dd8a720','acme','fb82d62a4a4d1e8f893ccc1c0ffc5928','{"type": "number", "calculation": "average", "unit": "score", "current": {"window": {"name": "current", "start": null, "end": null}, "value": 1.5, "reason": "", "responses": 2, "answered": 2, "unanswered": {"not_answered": 0}, "excluded": {}, "recorded": 2, "low_sample": true}, "previous": null, "change": null, "groups": [], "ungrouped": 0, "counted": [], "scale": "1 = 1 stars \u2026 5 = 5 stars", "notes": [], "as_of": "2026-04-01T12:00:00Z"}','{"windows": [{"window": "current", "excluded": {}, "total": {"responses": 2, "answered": 2, "unanswered": {"not_answered": 0}, "answers": {"1": 1, "2": 1}, "chosen": null, "totals": null}, "groups": [], "ungrouped": 0}], "choices": [{"key": "1", "label": "1 stars", "value": 1.0, "analyze": true}, {"key": "2", "label": "2 stars", "value": 2.0, "analyze": true}, {"key": "3", "label": "3 stars", "value": 3.0, "analyze": true}, {"key": "4", "label": "4 stars", "value": 4.0, "analyze": true}, {"key": "5", "label": "5 stars", "value": 5.0, "analyze": true}], "multiple": false, "as_of": "2026-04-01T12:00:00Z", "notes": []}','2026-04-01 12:00:00.000000');
INSERT INTO "metric_values" VALUES('met_38b05be766bd','acme','2e2d5dc3d2c44a00e364de6815a9424d','{"type": "number", "calculation": "responses", "unit": "count", "current": {"window": {"name": "current", "start": null, "end": null}, "value": 4.0, "reason": "", "responses": 4, "answered": 4, "unanswered": {}, "excluded": {}, "recorded": 4, "low_sample": true}, "previous": null, "change": null, "groups": [], "ungrouped": 0, "counted": [], "scale": "", "notes": [], "as_of": "2026-04-01T12:00:00Z"}','{"windows": [{"window": "current", "excluded": {}, "total": {"responses": 4, "answered": 4, "unanswered": {}, "answers": {}, "chosen": null, "totals": null}, "groups": [], "ungrouped": 0}], "choices": [{"key": "1", "label": "1 stars", "value": 1.0, "analyze": true}, {"key": "2", "label": "2 stars", "value": 2.0, "analyze": true}, {"key": "3", "label": "3 stars", "value": 3.0, "analyze": true}, {"key": "4", "label": "4 stars", "value": 4.0, "analyze": true}, {"key": "5", "label": "5 stars", "value": 5.0, "analyze": true}], "multiple": false, "as_of": "2026-04-01T12:00:00Z", "notes": []}','2026-04-01 12:00:00.000000');
INSERT INTO "metric_values" VALUES('met_84da2f148500','acme','69d00828dad5363b8d01359bf30909bd','{"type": "number", "calculation": "average", "unit": "score", "current": {"window": {"name": "current", "start": null, "end": null}, "value": 4.0, "reason": "", "responses": 4, "answered": 3, "unanswered": {"not_answered": 1}, "excluded": {}, "recorded": 4, "low_sample": true}, "previous": null, "change": null, "groups": [], "ungrouped": 0, "counted": [], "scale": "1 = 1 stars \u2026 5 = 5 stars", "notes": [], "as_of": "2026-04-01T12:00:00Z"}','{"windows": [{"window": "current", "excluded": {}, "total": {"responses": 4, "answered": 3, "unanswered": {"not_answered": 1}, "answers": {"5": 1, "4": 1, "3": 1}, "chosen": null, "totals": null}, "groups": [], "ungrouped": 0}], "choices": [{"key": "1", "label": "1 stars", "value": 1.0, "analyze": true}, {"key": "2", "label": "2 stars", "value": 2.0, "analyze": true}, {"key": "3", "label": "3 stars", "value": 3.0, "analyze": true}, {"key": "4", "label": "4 stars", "value": 4.0, "analyze": true}, {"key": "5", "label": "5 stars", "value": 5.0, "analyze": true}], "multiple": false, "as_of": "2026-04-01T12:00:00Z", "notes": []}','2026-04-01 12:00:00.000000');
CREATE TABLE metrics (
	id VARCHAR(40) NOT NULL, 
	account VARCHAR(200) NOT NULL, 
	workspace VARCHAR(200) NOT NULL, 
	name VARCHAR(300) NOT NULL, 
	source VARCHAR(200) NOT NULL, 
	survey_id VARCHAR(400) NOT NULL, 
	definition JSON NOT NULL, 
	display JSON NOT NULL, 
	version INTEGER NOT NULL, 
	created_at DATETIME NOT NULL, 
	created_by VARCHAR(200) NOT NULL, 
	updated_at DATETIME NOT NULL, questions JSON DEFAULT '{}' NOT NULL, 
	CONSTRAINT pk_metrics PRIMARY KEY (id)
);
INSERT INTO "metrics" VALUES('met_84da2f148500','acme','default','Stars','shop','S1','{"type": "number", "survey_id": "S1", "question_id": "stars", "calculation": "average", "answers": [], "group_by": null, "range": {"preset": "all_time", "start": null, "end": null}, "filters": [], "include": [], "reverse_scale": false}','{"chart": null, "heading": "", "subheading": "", "target": null, "prefix": "", "suffix": "", "reverse_colors": false, "latest_as_headline": false, "start_at_zero": false, "titles_on_right": false}',1,'2026-04-01 12:00:00.000000','ed','2026-04-01 12:00:00.000000','{"stars": {"name": "", "text": "How many stars?"}}');
INSERT INTO "metrics" VALUES('met_38b05be766bd','acme','default','Responses','shop','S1','{"type": "number", "survey_id": "S1", "question_id": null, "calculation": "responses", "answers": [], "group_by": null, "range": {"preset": "all_time", "start": null, "end": null}, "filters": [], "include": [], "reverse_scale": false}','{"chart": null, "heading": "", "subheading": "", "target": null, "prefix": "", "suffix": "", "reverse_colors": false, "latest_as_headline": false, "start_at_zero": false, "titles_on_right": false}',1,'2026-04-01 12:00:00.000000','ed','2026-04-01 12:00:00.000000','{}');
INSERT INTO "metrics" VALUES('met_013d1dd8a720','acme','default','Elsewhere','shop','S2','{"type": "number", "survey_id": "S2", "question_id": "stars", "calculation": "average", "answers": [], "group_by": null, "range": {"preset": "all_time", "start": null, "end": null}, "filters": [], "include": [], "reverse_scale": false}','{"chart": null, "heading": "", "subheading": "", "target": null, "prefix": "", "suffix": "", "reverse_colors": false, "latest_as_headline": false, "start_at_zero": false, "titles_on_right": false}',1,'2026-04-01 12:00:00.000000','ed','2026-04-01 12:00:00.000000','{"stars": {"name": "", "text": "How many stars?"}}');
INSERT INTO "metrics" VALUES('met_fd2b4692a841','acme','default','Taste','shop','S1','{"type": "number", "survey_id": "S1", "question_id": "taste", "calculation": "average", "answers": [], "group_by": null, "range": {"preset": "all_time", "start": null, "end": null}, "filters": [], "include": [], "reverse_scale": false}','{"chart": null, "heading": "", "subheading": "", "target": null, "prefix": "", "suffix": "", "reverse_colors": false, "latest_as_headline": false, "start_at_zero": false, "titles_on_right": false}',1,'2026-04-01 12:00:00.000000','ed','2026-04-01 12:00:00.000000','{"taste": {"name": "", "text": "How many taste?"}}');
CREATE INDEX ix_metrics_survey ON metrics (account, source, survey_id);
COMMIT;
