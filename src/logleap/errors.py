"""The map of exceptions: every class that LogLeap defines, who raises it, and what it becomes.

A name stands under the class that it derives from. "HTTP" is a problem with the code and words of
`entrypoints/http/errors/refusals.py`; "retried" means by its caller, without anybody noticing. What is not
here and raised all the same is a bug: HTTP 500 INTERNAL_ERROR, a run that fails with TASK_RAISED.

    Exception
      Refusal                 nothing was changed: facts for whoever words them (domain/errors.py)
        ArtifactNotFound      use cases: a run has no artifact of this name → HTTP
        ArtifactsTooLarge     use cases: a task saves more than the operator allows → the run fails
        BatchEmpty            use cases: an upload without entries → HTTP; OTLP answers 200
        DatasetEmpty          domain: a training without entries → HTTP
        DatasetNotFound       repositories → HTTP; a worker lets the message go
        EntryNotFound         use cases: the surroundings of an entry that is not there → HTTP
        PositionNotFound      stores: a page that goes on after an entry that is not there → HTTP
        EntryCountDiffers     domain: a training that expected another number → HTTP
        InvalidApiKey         use cases: authentication → HTTP
        InvalidArtifact       domain: a name or a media type of an artifact → the run fails
        InvalidEntries        codecs: bad entries in a body → HTTP, each entry named
        InvalidKeyText        domain: an owner or a note of a key → the command line
        InvalidTransition     domain: the state does not allow the action → HTTP
        KeyNotFound           use cases: a key to revoke → the command line
        KeyReused             use cases: an idempotency key with another request → HTTP
        ModelMissing          use cases: a data set without a log model → HTTP
        ModelUnusable         use cases: a log model of other masks or a newer version → HTTP
        TemplateNotFound      use cases: an id that no template of the log model has → HTTP
        ParameterInvalid      domain: a parameter of the task log-model → HTTP
        RetentionTooLong      use cases: a data set to be kept longer than the operator allows → HTTP
        RunCancelled          domain: a cancelled run, which may only fail → its worker fails it
        RunFinished           domain: a run that cannot change any more → HTTP
        RunInProgress         domain, use cases: another training is under way → HTTP
        RunNotFound           use cases → HTTP
        StoredPartially         use cases: the key of a batch that was stored in part → HTTP
        TaskUnknown           use cases → HTTP
        TimeLimitTooLong      use cases: a training with more time than the operator allows → HTTP
        BodyBrokenOff         codecs: the connection, while the body is read → HTTP
        BodyEmpty             codecs: JSON → HTTP
        BodyNotEntries        codecs: JSON → HTTP
        BodyNotUtf8           codecs: JSON → HTTP
        BodyTooLarge          codecs: any body → HTTP
        BodyTooShort          codecs: any body → HTTP
        EntryTooLarge         codecs: JSON, NDJSON → HTTP
        ExportTooLarge        codecs: OTLP → HTTP
        GzipMalformed         codecs: any body → HTTP
        InvalidRecords        codecs: OTLP → HTTP
        JsonExportMalformed   codecs: OTLP → HTTP
        JsonMalformed         codecs: JSON → HTTP
        MappingUnknown        the HTTP entry point: a mapping's name → HTTP
        ProtobufMalformed     codecs: OTLP → HTTP
        TooManyEntries        codecs: JSON → HTTP
        TooManyRecords        codecs: OTLP → HTTP
        UnsupportedCharset    the HTTP entry point → HTTP
        ZstdMalformed         codecs: any body → HTTP
      HttpError               the HTTP entry point: headers, query, small bodies, quotas, tokens → HTTP
      SignInRequired          the console: nobody is signed in → the sign-in page
      RangeNotSatisfiable     the HTTP entry point: a part behind the end of an artifact → HTTP
      Busy                    the HTTP entry point: too many long calls → HTTP 503; its caller retries
      Unavailable             adapters: the backend does not answer → HTTP 503; a worker retries; exit code 3
        GateClosed            adapters: a start adds up the receipts at this moment → as Unavailable
        TemporarySpaceFull    adapters: no room for temporary files → HTTP 503 TEMPORARY_SPACE_FULL
        _Moved                use cases: entries were archived while they were streamed → the stream breaks
        StorageFull           adapters: only the disk's reserve is left → HTTP 503 STORAGE_FULL
      Conflict                adapters: somebody else was quicker → retried on what is stored now
      CountMismatch           use cases, adapters: stored ≠ acknowledged → HTTP 500; the run fails
      NotDelivered            adapters: a receiver did not take an event → sent again, or a dead letter
      ArtifactMissing         adapters: what a run stored is not there → HTTP 500
      ArchiveDamaged          adapters: an archive is missing or changed → HTTP 500; the run fails
      TaskFailed              a training task: this data cannot be trained on → the run fails with its text
      TryAgain                a training task: a transient failure → the run is queued again
      UnreadableMessage       domain: a message of the queue → the dead letters
      NoRoomForMetrics        telemetry: no folder for the metrics of several processes → SettingsError
      NotAnEnvelope           the Pub/Sub entry point: a pushed message → the dead letters
      SettingsError           settings, container, entry points: a setting is wrong → one line, exit code 2
      PluginNotLoadable       plugins: `package.module:name` cannot be loaded → SettingsError, TaskNotLoadable
      TaskNotLoadable         tasks: the setting of the training task → SettingsError
      CredentialsError        adapters: no credentials for Google Cloud → SettingsError
      StorageUnusable         adapters: the data folder, its database or a backup → SettingsError
        CommitsMissing        adapters: a database without its latest changes → SettingsError
      InvalidEntry            codecs: one entry → an EntryError in InvalidEntries; OTLP counts it
      AppendRejected          adapters: rows that BigQuery did not take now → retried, then Unavailable
      RowsRefused             adapters: rows that BigQuery never takes → a bug
      _DmlBlocked             adapters: rows that cannot be deleted yet → Unavailable, or left for a sweep
      _TooManyKinds           miner: too many masked messages for memory → they are read twice
      _Unmatched              miner: a message matches no template yet → what is left is mined
      _Wrong                  codecs: OTLP's bytes are no export → ProtobufMalformed, JsonExportMalformed
      ExtraMissing            extras: a library of an extra is not installed → one line, exit code 2
      ApiError                client: a problem that the API answered → its caller; exit code 1
      Incomplete              client: a stream of entries that broke off → its caller; exit code 1
      Unreachable             client: no answer after all tries → its caller; exit code 3
      NotAnEntry              logging handler: a record that no data set takes → counted as dropped
      _Abandoned              logging handler: closed while a request is retried → counted as dropped
    ValueError
      ArchiveUrlNotSupported  adapters: a URL that the backend does not archive to → SettingsError
      ArtifactUrlRefused      adapters: a URL where the backend keeps no artifacts → SettingsError
      Ambiguous               log files: which of two hours a time is in → LogFileError
      BadAddress              client: the URL or the key → its caller; exit code 2
      BadLine                 log files: a line that cannot be read with certainty → LogFileError
        NoTimes               log files: no line of the sample has a known time
        Undecided             log files: whether a text belongs to the time
      BadTimestamp            codecs: a time → InvalidEntry
      Ambiguous               client: a time that a change of clocks repeats → LogFileError
      BadLine                 client: a line of a log file that cannot be read → LogFileError, or left out
        NoTimes               client: the beginning of a log file has no known times → LogFileError
        Undecided             client: what stands behind its times may be text → LogFileError
      LogFileError            client: a log file → the command line, exit code 1
      Malformed               codecs: a text that is not JSON → JsonMalformed or InvalidEntry
      TooDeep                 codecs: JSON nested too deep → InvalidEntry, HttpError, or the strict reader
      TooLong                 codecs: an entry with too many bytes → EntryTooLarge
      BaselineUnusable        miner: a baseline of other masks, or of another cut → the run fails
      MasksRefused            miner: masks of one's own that are no such file → the run fails
      ModelError              miner: a log model that cannot be read → the run fails
        ModelDamaged          miner: a log model that was cut or edited
        ModelTooNew           miner: a log model that a newer version wrote
        ModelTooOld           miner: a log model that an earlier version wrote
      MappingsInvalid         codecs: a file of mappings → SettingsError
      TemplateInvalid         codecs: a template in a mapping → MappingsInvalid
      ZoneUnknown             codecs: a time zone in a mapping → MappingsInvalid; in a time → BadTimestamp
"""
