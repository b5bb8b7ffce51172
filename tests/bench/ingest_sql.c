// Prints the statement that begins an upload as a script of pgbench (run it with -D ready=0): the very transaction of
// POST /v1/uploads, prepared once a connection. Argument: how many owners there are.
#include <stdio.h>

#include "catalog/upload.h"

// What stands for $1 … $26.
static const char *const PARAMETERS[] = {
	"lpad(to_hex(:upload::bigint), 32, '0')::uuid",
	"lpad(to_hex(:media::bigint), 32, '0')::uuid",
	"('b0000000-0000-7000-8000-' || lpad(:owner::text, 12, '0'))::uuid",
	"NULL::uuid",
	"'IMG_0001.jpg'::text",
	"'image/jpeg'::text",
	"'photo'::text",
	"2400000::bigint",
	"NULL::bytea",
	"NULL::bytea",
	"NULL::text",
	"NULL::timestamptz",
	"NULL::text",
	"(lpad(to_hex(:media::bigint), 32, '0')::uuid::text || '/00112233445566778899aabbccddeeff')",
	"'put'::text",
	"NULL::text",
	"(now() + interval '10 minutes')",
	"(now() + interval '10 seconds')",
	"NULL::text",
	"NULL::bytea",
	"0::bigint",
	"0::bigint",
	"1000000::bigint",
	"0::bigint",
	"NULL::bigint",
	"'upload'::text",
};
#define PARAMETER_COUNT (sizeof PARAMETERS / sizeof PARAMETERS[0])

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	printf("\\set owner random(1, %s)\n\\set upload random(1, 9000000000000000000)\n"
	       "\\set media random(1, 9000000000000000000)\n",
	       argv[1]);
	printf("\\if :ready = 0\nPREPARE begin_upload AS %s;\n\\set ready 1\n\\endif\nEXECUTE begin_upload(",
	       catalog_upload_begin_sql());
	for (size_t i = 0; i < PARAMETER_COUNT; i++)
		printf("%s%s", i == 0 ? "" : ", ", PARAMETERS[i]);
	(void)puts(");");
	return 0;
}
