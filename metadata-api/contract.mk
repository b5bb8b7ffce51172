# The contract, docs/openapi.yaml: made into JSON and a page when safelight-api is built, and part of the program.
CONTRACT := $(BUILD)/contract
$(CONTRACT)/openapi.json: docs/openapi.yaml metadata-api/contract.py
	@echo "  YAML  $@"
	$(Q)python3 metadata-api/contract.py docs/openapi.yaml $(CONTRACT)
$(BUILD)/obj/metadata-api/contract_text.o: metadata-api/contract_text.S $(CONTRACT)/openapi.json
	@mkdir -p $(@D)
	@echo "  AS    $<"
	$(Q)$(CC) -c -Wa,-I$(CONTRACT) $< -o $@
$(BUILD)/bin/$(BINARY_api): $(BUILD)/obj/metadata-api/contract_text.o
