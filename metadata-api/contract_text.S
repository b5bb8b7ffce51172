// What contract.py made of docs/openapi.yaml, as it is served.
	.section .note.GNU-stack, "", @progbits
	.section .rodata
	.global contract_json_begin, contract_json_end, contract_page_begin, contract_page_end
contract_json_begin:
	.incbin "openapi.json"
contract_json_end:
contract_page_begin:
	.incbin "docs.html"
contract_page_end:
