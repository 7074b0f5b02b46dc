/* From string to poem in C: a model folder, TensorFlow's shared library, and nothing else.

Compile, on Linux with the library and the headers of the Python package tensorflow:

    TF=$(python -c "import tensorflow as tf; print(tf.sysconfig.get_lib())")
    cc -std=c11 -Wall -Wextra -O2 -o poem examples/poem.c -I"$TF/include" -Wl,-rpath,"$TF" \
        "$TF/libtensorflow_cc.so.2" "$TF/libtensorflow_framework.so.2"

Run, here for three poems that begin with 明月, of the seeds 1, 2 and 3:

    TF_CPP_MIN_LOG_LEVEL=3 ./poem saved_models/tangshi/1 明月 1 3

The variable quiets TensorFlow, which reads it while the library is loaded, too early for a program to set it. The few
lines that the library logs even earlier remain; why a run failed is the last line of the standard error.
*/

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensorflow/c/c_api.h"
#include "tensorflow/c/tf_tstring.h"

/* The sampler of the command line, `tangshi-tf sample`. */
static const float TEMPERATURE = 1.0f, TOP_P = 0.85f, REPETITION_PENALTY = 2.5f;
static const int32_t TOP_K = 0, MAX_LENGTH = 0;
static const char *const INIT_STATE = "zero";
static const char *const UNUSED[] = {"title", "form", "rhyme", "opening", "acrostic", NULL};

enum { MAX_COUNT = 1000, MAX_INPUTS = 16, NAME_SIZE = 256 };
enum { INPUTS = 1, OUTPUTS = 2, SIGNATURES = 5 }; /* numbers of fields in SignatureDef and MetaGraphDef */
enum { POEM, PROBLEM, RESULTS };

typedef struct {
    const unsigned char *at, *end;
} Bytes;

typedef struct {
    TF_Status *status;
    TF_Graph *graph;
    Bytes signature;
    int given;
    TF_Output inputs[MAX_INPUTS];
    TF_Tensor *values[MAX_INPUTS], *results[RESULTS];
} Call;

/* The tensors of a signature stand in the MetaGraphDef, which the C API hands out as protobuf bytes. The next three
   functions read what this takes of protobuf, numbers and bytes, so that no name in the graph has to be guessed. */

static uint64_t read_number(Bytes *message) {
    uint64_t number = 0;
    for (int shift = 0; message->at < message->end && shift < 64; shift += 7) {
        unsigned char byte = *message->at++;
        number |= (uint64_t)(byte & 127) << shift;
        if (byte < 128) break;
    }
    return number;
}

/* Move past the next field `which`, which holds bytes. */
static bool read_bytes(Bytes *message, uint64_t which, Bytes *bytes) {
    while (message->at < message->end) {
        uint64_t tag = read_number(message), number = read_number(message);
        if ((tag & 7) == 0) continue;
        if ((tag & 7) != 2 || number > (uint64_t)(message->end - message->at)) return false;
        *bytes = (Bytes){message->at, message->at + number};
        message->at += number;
        if (tag >> 3 == which) return true;
    }
    return false;
}

static bool read_map(Bytes message, uint64_t which, const char *key, Bytes *value) {
    size_t size = strlen(key);
    for (Bytes entry, name; read_bytes(&message, which, &entry);)
        if (read_bytes(&entry, 1, &name) && (size_t)(name.end - name.at) == size && !memcmp(name.at, key, size))
            return read_bytes(&entry, 2, value);
    return false;
}

/* Return the tensor that the signature calls `key`; a TensorInfo names it "operation:number". */
static TF_Output find(Call *call, int inputs_or_outputs, const char *key) {
    Bytes info, name;
    char text[NAME_SIZE] = "";
    if (read_map(call->signature, inputs_or_outputs, key, &info) && read_bytes(&info, 1, &name) &&
        name.end - name.at < NAME_SIZE)
        memcpy(text, name.at, name.end - name.at);
    char *colon = strrchr(text, ':');
    if (colon) *colon = '\0';
    TF_Output tensor = {TF_GraphOperationByName(call->graph, text), colon ? atoi(colon + 1) : 0};
    if (!tensor.oper && TF_GetCode(call->status) == TF_OK) {
        snprintf(text, sizeof text, "A model is required whose signature generate has %s.", key);
        TF_SetStatus(call->status, TF_NOT_FOUND, text);
    }
    return tensor;
}

static void give(Call *call, const char *key, TF_DataType type, const void *values, int64_t count) {
    size_t size = type == TF_STRING ? sizeof(TF_TString) : TF_DataTypeSize(type);
    TF_Tensor *tensor = TF_AllocateTensor(type, &count, 1, count * size);
    memcpy(TF_TensorData(tensor), values, TF_TensorByteSize(tensor));
    call->inputs[call->given] = find(call, INPUTS, key);
    call->values[call->given++] = tensor;
}

static void give_string(Call *call, const char *key, const char *text) {
    TF_TString view; /* needs no release, as the text outlives the call */
    TF_StringInit(&view);
    TF_StringAssignView(&view, text, strlen(text));
    give(call, key, TF_STRING, &view, 1);
}

static void write_line(FILE *file, const TF_TString *text) {
    fprintf(file, "%.*s\n", (int)TF_StringGetSize(text), TF_StringGetDataPointer(text));
}

/* Print the poems, or why there are none. */
static bool print(const Call *call) {
    if (TF_GetCode(call->status) != TF_OK) {
        const char *message = TF_Message(call->status);
        fprintf(stderr, "%.*s\n", (int)strcspn(message, "\n"), message);
        return false;
    }
    const TF_TString *poems = TF_TensorData(call->results[POEM]), *problems = TF_TensorData(call->results[PROBLEM]);
    for (int64_t i = 0; i < TF_TensorElementCount(call->results[PROBLEM]); i++)
        if (!TF_StringGetSize(&poems[i])) {
            write_line(stderr, &problems[i]);
            return false;
        }
    for (int64_t i = 0; i < TF_TensorElementCount(call->results[POEM]); i++) write_line(stdout, &poems[i]);
    if (!fflush(stdout) && !ferror(stdout)) return true;
    fputs("A standard output that can be written is required.\n", stderr);
    return false;
}

static bool write_poems(const char *folder, const char *begin, const int64_t *seeds, int64_t count) {
    Call call = {.status = TF_NewStatus(), .graph = TF_NewGraph()};
    TF_SessionOptions *options = TF_NewSessionOptions();
    TF_Buffer *meta_graph = TF_NewBuffer();
    TF_Session *session = TF_LoadSessionFromSavedModel(options, NULL, folder, (const char *const[]){"serve"}, 1,
                                                       call.graph, meta_graph, call.status);
    if (session) {
        Bytes message = {meta_graph->data, (const unsigned char *)meta_graph->data + meta_graph->length};
        read_map(message, SIGNATURES, "generate", &call.signature);
        give_string(&call, "begin", begin);
        give_string(&call, "init_state", INIT_STATE);
        for (int i = 0; UNUSED[i]; i++) give_string(&call, UNUSED[i], "");
        give(&call, "temperature", TF_FLOAT, &TEMPERATURE, 1);
        give(&call, "top_p", TF_FLOAT, &TOP_P, 1);
        give(&call, "repetition_penalty", TF_FLOAT, &REPETITION_PENALTY, 1);
        give(&call, "top_k", TF_INT32, &TOP_K, 1);
        give(&call, "max_length", TF_INT32, &MAX_LENGTH, 1);
        give(&call, "seed", TF_INT64, seeds, count);
        TF_Output outputs[RESULTS] = {find(&call, OUTPUTS, "poem"), find(&call, OUTPUTS, "problem")};
        if (TF_GetCode(call.status) == TF_OK)
            TF_SessionRun(session, NULL, call.inputs, call.values, call.given, outputs, call.results, RESULTS, NULL, 0,
                          NULL, call.status);
    }
    bool done = print(&call);
    for (int i = 0; i < call.given; i++) TF_DeleteTensor(call.values[i]);
    for (int i = 0; i < RESULTS; i++) TF_DeleteTensor(call.results[i]);
    if (session) TF_DeleteSession(session, call.status);
    TF_DeleteBuffer(meta_graph);
    TF_DeleteSessionOptions(options);
    TF_DeleteGraph(call.graph);
    TF_DeleteStatus(call.status);
    return done;
}

static bool parse(const char *text, long long least, long long most, int64_t *number) {
    char *end;
    *number = strtoll(text, &end, 10); /* at the ends of long long if it does not fit */
    return end != text && !*end && *number >= least && *number <= most;
}

int main(int argc, char **argv) {
    int64_t seed, count = 1, seeds[MAX_COUNT];
    if (argc < 4 || argc > 5) {
        fprintf(stderr, "Usage: %s FOLDER BEGIN SEED [COUNT]\n", argc ? argv[0] : "poem");
    } else if (!parse(argv[3], 0, 1LL << 62, &seed)) {
        fprintf(stderr, "A SEED from 0 to 2^62 is required. Received: %s.\n", argv[3]);
    } else if (argc == 5 && !parse(argv[4], 1, MAX_COUNT, &count)) {
        fprintf(stderr, "A COUNT from 1 to %d is required. Received: %s.\n", MAX_COUNT, argv[4]);
    } else {
        for (int64_t i = 0; i < count; i++) seeds[i] = seed + i;
        return write_poems(argv[1], argv[2], seeds, count) ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    return EXIT_FAILURE;
}
