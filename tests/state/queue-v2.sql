PRAGMA application_id=1751217516;
PRAGMA user_version=2;
BEGIN TRANSACTION;
CREATE TABLE job (gid INTEGER PRIMARY KEY, state INTEGER NOT NULL, ord INTEGER NOT NULL, uid INTEGER NOT NULL, owner TEXT, uris TEXT, opts TEXT, dir TEXT, path TEXT, total INTEGER NOT NULL, etag TEXT, last_modified TEXT, have TEXT, done INTEGER NOT NULL, err TEXT, err_text TEXT, added_at INTEGER NOT NULL, ended_at INTEGER NOT NULL, flags INTEGER NOT NULL, part_id TEXT);
INSERT INTO "job" VALUES(161,3,1,0,'root','http://127.0.0.1:28912/f/1M/a
','out=complete.bin
','/tmp/haul-state-fixture/dl','/tmp/haul-state-fixture/dl/complete.bin',1048576,'"ca978112ca1b-100000"','Tue, 14 Nov 2023 22:13:20 GMT',NULL,1048576,NULL,NULL,1795344277,1795344278,2,'10963602-1795344278.524871027');
INSERT INTO "job" VALUES(162,4,2,0,'root','http://127.0.0.1:28912/fail/1M/a?times=99&code=404
','max-tries=1
out=error.bin
','/tmp/haul-state-fixture/dl',NULL,-1,NULL,NULL,NULL,0,'ERR_NOT_FOUND','Resource not found',1795344277,1795344278,2,NULL);
INSERT INTO "job" VALUES(163,2,9223372036853727232,0,'root','http://127.0.0.1:28912/f/8M/a?rate=4M
','out=half.bin
','/tmp/haul-state-fixture/dl','/tmp/haul-state-fixture/dl/half.bin',8388608,'"ca978112ca1b-800000"','Tue, 14 Nov 2023 22:13:20 GMT','0-1310720',1310720,NULL,NULL,1795344277,0,10,'10963574-1795344278.565974026');
INSERT INTO "job" VALUES(164,5,4,0,'root','http://127.0.0.1:28912/f/8M/b?rate=4M
','out=left.bin
','/tmp/haul-state-fixture/dl','/tmp/haul-state-fixture/dl/left.bin',8388608,'"3e23e8160039-800000"','Tue, 14 Nov 2023 22:13:20 GMT','0-1310720',1310720,'ERR_REMOVED',NULL,1795344277,1795344278,10,'10963697-1795344278.570674897');
INSERT INTO "job" VALUES(165,2,-9223372036854775808,0,'root','http://127.0.0.1:28912/f/1M/c
','checksum=sha-1=0000000000000000000000000000000000000000
header=X-A: ü
out=fresh.bin
split=7
','/tmp/haul-state-fixture/dl',NULL,-1,NULL,NULL,NULL,0,NULL,NULL,1795344277,0,0,NULL);
INSERT INTO "job" VALUES(166,2,-9223372036853727232,0,'root','http://127.0.0.1:28912/f/1M/d
','','/tmp/haul-state-fixture/dl',NULL,-1,NULL,NULL,NULL,0,NULL,NULL,1795344277,0,0,NULL);
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
COMMIT;
